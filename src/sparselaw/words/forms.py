"""How numbers are written in sentences and tables; the page's twin is report/web/format.js."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparselaw.counts import format_bytes, format_count, format_flops

OUT_OF_REACH = "out of reach"
MAGNITUDE = 1e40  # of any quantity
MOST = 1000  # of a factor: more says no more
NOT_DETERMINED = "not determined by these runs"


def _is_real(value: float) -> bool:
    """Whether a quantity can be that of a training run; others come from laws that say nothing."""
    return bool(value == 0 or 1 / MAGNITUDE < abs(value) < MAGNITUDE)


def number(value: float | None, digits: int = 4) -> str:
    """Significant digits; large and small numbers in powers of ten."""
    if value is None:
        return "-"
    return f"{value + 0.0:.{digits}g}" if _is_real(value) else OUT_OF_REACH


def by_interval(value: float, low: float, high: float) -> str:
    """A number to the digits that its interval supports: two of half its width."""
    width = (high - low) / 2
    if not (np.isfinite([value, width]).all() and width > 0 and 1e-9 < abs(value) < 1e6):
        return number(value)
    written = f"{value:.{max(0, 1 - int(np.floor(np.log10(width))))}f}"
    return written if float(written) else written.lstrip("-")


def times(value: float, digits: int = 3) -> str:
    """A factor; beyond MOST or below its inverse only that."""
    if not np.isfinite(value):
        return OUT_OF_REACH
    if value > MOST:
        return f"more than {MOST}"
    return f"{float(f'{value:.{digits}g}'):g}" if value >= 1 / MOST else f"less than {1 / MOST:g}"


def percent(value: float, places: int = 1, sign: str = "") -> str:
    """A share such as 51.0%; with the sign "+" a difference such as +2.0%."""
    return f"{value:{sign}.{places}%}" if abs(value) < MOST else OUT_OF_REACH


def level(S: float) -> str:
    """A sparsity that was chosen, without needless digits: 50%, 87.5%."""
    return f"{100 * S:.4g}%"


def count(value: float) -> str:
    """A count such as 85M."""
    return format_count(value) if _is_real(value) else OUT_OF_REACH


def flops(value: float, digits: int = 3) -> str:
    """FLOPs such as 4.2e21."""
    return format_flops(value, digits) if _is_real(value) else OUT_OF_REACH


def size(value: float) -> str:
    """Bytes such as 8 GB."""
    return format_bytes(value) if _is_real(value) else OUT_OF_REACH


def duration(seconds: float) -> str:
    """A short time: 20 ms, 1.3 s, 250 us."""
    if not _is_real(seconds):
        return OUT_OF_REACH
    unit, scale = next(((u, k) for u, k in (("s", 1.0), ("ms", 1e3), ("us", 1e6)) if seconds * k >= 1), ("ns", 1e9))
    return f"{seconds * scale:.3g} {unit}"


def _or_not_determined(form: Callable[[Any], str]) -> Callable[[Any], str]:
    """The form, which says so where there is no number."""
    return lambda value: NOT_DETERMINED if value is None else form(value)


_FORMS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "number": number,
    "number2": lambda value: number(value, 2),
    "number6": lambda value: number(value, 6),
    "times": times,
    "times2": lambda value: times(value, 2),
    "fixed2": lambda value: f"{value:.2f}",
    "percent": percent,
    "percent0": lambda value: percent(value, 0),
    "percent2": lambda value: percent(value, 2),
    "level": level,
    "points": lambda value: f"{value:+.1f}",
    "count": count,
    "flops": flops,
    "bytes": size,
    "seconds": duration,
}
FORMS = {name: _or_not_determined(form) for name, form in _FORMS.items()}
"""The forms that a placeholder {name:form} may ask for."""
