"""Answer questions with a fitted law: how sparse for a budget, what it costs, what it gains."""

from sparselaw.plan.answer import Plan, plan
from sparselaw.plan.candidates import Limits, limits_around
from sparselaw.plan.contours import Contours, contours
from sparselaw.plan.cost import Cost
from sparselaw.plan.design import Design, Target, design
from sparselaw.plan.equivalents import size_multiplier
from sparselaw.plan.estimate import Estimate
from sparselaw.plan.hardware import Hardware, open_hardware
from sparselaw.plan.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.plan.optimum import chinchilla_flops, flops_where_optimal, near_optimal_range, optimal_sparsity
from sparselaw.plan.relative_time import RelativeTime
from sparselaw.plan.served import Gpu, ServedPlan, plan_served
from sparselaw.plan.served_contours import ServedContours, served_contours
from sparselaw.plan.storage import Memory, Storage

__all__ = [
    "Contours",
    "Cost",
    "Design",
    "Estimate",
    "Gpu",
    "Hardware",
    "Limits",
    "Memory",
    "Plan",
    "RelativeTime",
    "ServedContours",
    "ServedPlan",
    "Storage",
    "Target",
    "chinchilla_flops",
    "contours",
    "design",
    "flops_where_optimal",
    "least_flops",
    "limits_around",
    "near_optimal_range",
    "open_hardware",
    "optimal_sparsity",
    "plan",
    "plan_served",
    "required_data",
    "served_contours",
    "size_multiplier",
    "smallest_nonzeros",
]
