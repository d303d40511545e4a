"""Choose which runs to do next: those that narrow the interval of one answer most."""

from sparselaw.design.candidates import Limits, limits_around
from sparselaw.design.choosing import Design, Target, design

__all__ = ["Design", "Limits", "Target", "design", "limits_around"]
