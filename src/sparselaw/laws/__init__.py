"""Forms of the law L(S, N, D) for the validation loss of a sparse transformer, and what depends on the law alone."""

from sparselaw.laws.forms import (
    AVERAGE_PARAMS,
    CAPPED,
    DENSE,
    DENSITY_POWER,
    NO_FLOOR,
    PAPER,
    free_multiplier,
    law_named,
    multipliers_only,
)
from sparselaw.laws.function import FunctionLaw, from_function
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.laws.optimum import (
    chinchilla_flops,
    flops_where_optimal,
    near_optimal_pieces,
    near_optimal_range,
    optimal_sparsity,
)
from sparselaw.laws.power import NATURAL, Array, Direction, Features, Parameter, PowerLaw, Term, Units

Law = PowerLaw | FunctionLaw

__all__ = [
    "AVERAGE_PARAMS",
    "CAPPED",
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
    "chinchilla_flops",
    "flops_where_optimal",
    "free_multiplier",
    "from_function",
    "law_named",
    "multipliers_only",
    "near_optimal_pieces",
    "near_optimal_range",
    "optimal_sparsity",
    "size_multiplier",
]
