"""Answer questions with a fitted law: how sparse for a budget, what it costs, what it gains."""

import sys

from sparselaw.plan.answer import Answer, ask
from sparselaw.plan.contours import Contours, LifetimeContours
from sparselaw.plan.estimate import Estimate
from sparselaw.plan.question import Question
from sparselaw.plan.verb import plan
from sparselaw.rooms import Verb

__all__ = ["Answer", "Contours", "Estimate", "LifetimeContours", "Question", "ask", "plan"]

sys.modules[__name__].__class__ = Verb
