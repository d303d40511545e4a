"""Answer questions with a fitted law: how sparse for a budget, what it costs, what it gains."""

from sparselaw.plan.answer import Plan, plan
from sparselaw.plan.contours import Contours
from sparselaw.plan.estimate import Estimate
from sparselaw.plan.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.plan.served import ServedPlan, plan_served
from sparselaw.plan.served_contours import ServedContours, served_contours

__all__ = [
    "Contours",
    "Estimate",
    "Plan",
    "ServedContours",
    "ServedPlan",
    "least_flops",
    "plan",
    "plan_served",
    "required_data",
    "served_contours",
    "smallest_nonzeros",
]
