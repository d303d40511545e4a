"""Answer questions with a fitted law: how sparse for a budget, what it costs, what it gains."""

from sparselaw.plan.answer import Estimate, Plan, plan
from sparselaw.plan.contours import Contours, contours
from sparselaw.plan.cost import Cost
from sparselaw.plan.equivalents import size_multiplier
from sparselaw.plan.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.plan.optimum import chinchilla_flops, flops_where_optimal, near_optimal_range, optimal_sparsity
from sparselaw.plan.storage import Memory, Storage

__all__ = [
    "Contours",
    "Cost",
    "Estimate",
    "Memory",
    "Plan",
    "Storage",
    "chinchilla_flops",
    "contours",
    "flops_where_optimal",
    "least_flops",
    "near_optimal_range",
    "optimal_sparsity",
    "plan",
    "required_data",
    "size_multiplier",
    "smallest_nonzeros",
]
