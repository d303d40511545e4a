"""Answer questions with a fitted law: how sparse for a budget, what it costs, what it gains."""

from sparselaw.plan.answer import Estimate, Plan, plan
from sparselaw.plan.candidates import Limits, limits_around
from sparselaw.plan.contours import Contours, contours
from sparselaw.plan.cost import Cost
from sparselaw.plan.design import Design, Target, design
from sparselaw.plan.equivalents import size_multiplier
from sparselaw.plan.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.plan.optimum import chinchilla_flops, flops_where_optimal, near_optimal_range, optimal_sparsity

__all__ = [
    "Contours",
    "Cost",
    "Design",
    "Estimate",
    "Limits",
    "Plan",
    "Target",
    "chinchilla_flops",
    "contours",
    "design",
    "flops_where_optimal",
    "least_flops",
    "limits_around",
    "near_optimal_range",
    "optimal_sparsity",
    "plan",
    "required_data",
    "size_multiplier",
    "smallest_nonzeros",
]
