"""Choose which runs to train next: those that narrow the interval of one answer most."""

import sys

from sparselaw.design.candidates import Limits, limits_around
from sparselaw.design.result import Design, Target
from sparselaw.design.verb import design
from sparselaw.rooms import Verb

__all__ = ["Design", "Limits", "Target", "design", "limits_around"]

sys.modules[__name__].__class__ = Verb
