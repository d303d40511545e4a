"""How well a law fits its own runs: against the noise of repeats, by its worst runs, and by what its residuals follow."""

from __future__ import annotations

import numpy as np

from sparselaw.counts import format_count
from sparselaw.laws import Array
from sparselaw.runs import Runs

BAD = 0.05  # root mean square in ln loss above which a law does not describe its runs
LEVEL = 1e-3  # of the tests
OUTLYING = 6.0  # robust standard deviations
MATTERS = 0.02  # of the loss
MAX_NAMED = 3


def quality_warnings(runs: Runs, residuals: Array, num_free: int) -> tuple[str, ...]:
    """A sentence for each of: a misfit beyond any use, one beyond the noise of repeats, runs far off, and a trend.

    Args:
        runs: that were fitted.
        residuals: ln(predicted / measured) [num_runs].
        num_free: parameters that were free.
    """
    rms = float(np.sqrt(np.mean(residuals**2)))
    found = [_misfit(runs, residuals, rms, num_free), _outliers(runs, residuals), _trend(runs, residuals, rms)]
    return tuple(sentence for sentence in found if sentence)


def _misfit(runs: Runs, residuals: Array, rms: float, num_free: int) -> str:
    repeated = _lack_of_fit(runs, residuals, num_free)
    if repeated is not None and repeated[0] < LEVEL and rms > 2 * repeated[1]:
        return f"The law misses its runs by {rms:.2g} in ln loss, {rms / repeated[1]:.2g} times what repeats of a run differ by."
    if rms > BAD:
        return (
            f"The law misses its own runs by {rms:.0%} (root mean square), where usual sweeps are fitted to 1%: are they one "
            "experiment, all finished, with one way to choose the learning rate?"
        )
    return ""


def _lack_of_fit(runs: Runs, residuals: Array, num_free: int) -> tuple[float, float] | None:
    """The p value of the F test of lack of fit, and the standard deviation of repeats; None without repeats."""
    from scipy.special import fdtrc

    cells = runs.alike("sparsity", "nonzero_params", "data")
    counts = np.bincount(cells)
    within = residuals - (np.bincount(cells, residuals) / counts)[cells]
    pure, misfit = len(residuals) - len(counts), len(counts) - num_free
    if pure < 3 or misfit < 1:
        return None
    noise = float(within @ within) / pure
    ratio = (float(residuals @ residuals) - noise * pure) / misfit / max(noise, 1e-16)
    return float(fdtrc(misfit, pure, max(ratio, 0.0))), max(noise, 1e-16) ** 0.5


def _outliers(runs: Runs, residuals: Array) -> str:
    spread = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
    far = np.abs(residuals) > max(OUTLYING * spread, MATTERS)
    if not far.any() or far.mean() > 0.2:
        return ""
    worst = np.argsort(-np.abs(residuals))[: min(MAX_NAMED, int(far.sum()))]
    named = "; ".join(
        f"row {k + 1} (S {runs.sparsity[k]:.4g}, N {format_count(runs.nonzero_params[k])}, D {format_count(runs.data[k])}): "
        f"{np.expm1(-residuals[k]):+.0%}"
        for k in worst
    )
    return f"{int(far.sum())} of {len(residuals)} runs lie far from the law, such as {named}."


def _trend(runs: Runs, residuals: Array, rms: float) -> str:
    """The quantity along which the residuals bend most, by the F test of a parabola."""
    from scipy.special import fdtrc

    axes = {"size": np.log(runs.nonzero_params), "data": np.log(runs.data), "sparsity": np.log1p(-runs.sparsity)}
    chances = {}
    for name, x in axes.items():
        if len(np.unique(np.round(x, 2))) < 3 or len(residuals) < 10:
            continue
        design = np.column_stack([np.ones_like(x), x - x.mean(), (x - x.mean()) ** 2])
        rest = residuals - design @ np.linalg.lstsq(design, residuals, rcond=None)[0]
        total = float(((residuals - residuals.mean()) ** 2).sum())
        ratio = (total - float(rest @ rest)) / 2 / max(float(rest @ rest) / (len(x) - 3), 1e-30)
        chances[name] = float(fdtrc(2, len(x) - 3, max(ratio, 0.0)))
    if rms < MATTERS / 4 or not chances or min(chances.values()) > LEVEL:
        return ""
    name = min(chances, key=chances.__getitem__)
    return f"The residuals change systematically with the {name} of the runs, so the law extrapolates badly in that direction."
