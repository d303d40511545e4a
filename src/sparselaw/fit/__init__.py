"""Fit a law to runs, and say how far to trust it."""

import sys

from sparselaw.fit.comparison import ALL_LAWS, Comparison, Comparisons, compare, extrapolation_error
from sparselaw.fit.inspection import Inspection, inspect
from sparselaw.fit.losses import ABSOLUTE, Loss
from sparselaw.fit.profiles import Profile, profile
from sparselaw.fit.published import PUBLISHED_FITS, open_fit
from sparselaw.fit.recipe import RecipeRun, run_published_recipe
from sparselaw.fit.resampling import bootstrap
from sparselaw.fit.result import Fit, load_fit
from sparselaw.fit.verb import fit
from sparselaw.rooms import Verb

__all__ = [
    "ABSOLUTE",
    "ALL_LAWS",
    "PUBLISHED_FITS",
    "Comparison",
    "Comparisons",
    "Fit",
    "Inspection",
    "Loss",
    "Profile",
    "RecipeRun",
    "bootstrap",
    "compare",
    "extrapolation_error",
    "fit",
    "inspect",
    "load_fit",
    "open_fit",
    "profile",
    "run_published_recipe",
]

sys.modules[__name__].__class__ = Verb
