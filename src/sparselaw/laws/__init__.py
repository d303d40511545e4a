"""Forms of the law L(S, N, D) for the validation loss of a sparse transformer: they predict and differentiate."""

from sparselaw.laws.forms import (
    AVERAGE_PARAMS,
    DENSE,
    DENSITY_POWER,
    NO_FLOOR,
    PAPER,
    free_multiplier,
    law_named,
)
from sparselaw.laws.function import FunctionLaw, from_function
from sparselaw.laws.power import NATURAL, Array, Direction, Features, Parameter, PowerLaw, Term, Units

Law = PowerLaw | FunctionLaw

__all__ = [
    "AVERAGE_PARAMS",
    "DENSE",
    "DENSITY_POWER",
    "NATURAL",
    "NO_FLOOR",
    "PAPER",
    "Array",
    "Direction",
    "Features",
    "FunctionLaw",
    "Law",
    "Parameter",
    "PowerLaw",
    "Term",
    "Units",
    "free_multiplier",
    "from_function",
    "law_named",
]
