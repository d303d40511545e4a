"""Counts as people write them: 85M, 1.3B, 300e9, 4.2e21; bytes (8GB, 512MiB); and times as they say them."""

import math
import re

from sparselaw.errors import UserError

EXPONENTS = {"K": 3, "M": 6, "B": 9, "T": 12}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
BYTE_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_SECONDS = re.compile(rf"({_NUMBER.pattern}(?:e[+-]?[0-9]+)?) ?(s|ms|us)?")
_BYTES = re.compile(rf"({_NUMBER.pattern})(?:e([+-]?[0-9]+))? ?(?:([kmgtp])?(i)?b)?", re.IGNORECASE)
_COUNT = re.compile(rf"({_NUMBER.pattern})(?:e([+-]?[0-9]+)| ?([kmbt]))?", re.IGNORECASE)


def parse_count(text: str) -> float:
    """A positive count from text such as `85M`, `1.3B`, `300e9`, `4.2e21` or `1500`.

    K, M, B and T stand for 1e3, 1e6, 1e9 and 1e12, in either case.

    Raises:
        UserError: if the text is anything else, zero, or beyond the range of a double.
    """
    match = _COUNT.fullmatch(text.strip())
    if match is None:
        raise UserError(f"{text[:40]!r} is not a count; write one such as 85M, 1.3B, 300e9 or 4.2e21.")
    digits, exponent, suffix = match.groups()
    # One decimal conversion, so that 1.3B is exactly 1300000000.
    value = float(f"{digits}e{EXPONENTS[suffix.upper()] if suffix else exponent or 0}")
    if not 0 < value < math.inf:
        raise UserError(f"{text[:40]!r} is not a positive, finite count; write one such as 85M, 1.3B, 300e9 or 4.2e21.")
    return value


def as_count(value: float | str | None) -> float | None:
    """A count given as a number or as text such as `85M`; None stays None."""
    return parse_count(value) if isinstance(value, str) else value


def parse_range(text: str) -> tuple[float, float]:
    """Two counts from text such as `1M:1.3B`, the lower one first.

    Raises:
        UserError: if the text is anything else.
    """
    low, colon, high = text.partition(":")
    bounds = (parse_count(low), parse_count(high)) if colon else (0.0, 0.0)
    if bounds[0] >= bounds[1]:
        raise UserError(f"{text[:40]!r} is not a range; write LOW:HIGH, such as 1M:1.3B, the lower count first.")
    return bounds


def format_count(value: float) -> str:
    """A count to three significant digits: 512, 85M, 1.33B, and 4.2e21 from 1e15 on."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    digits, exponent = f"{value:.2e}".split("e")
    power = int(exponent)
    if power >= 15 or power < -4:
        return f"{float(digits):g}e{power}"
    suffix = next((s for s, e in reversed(EXPONENTS.items()) if power >= e), "")
    return f"{float(f'{digits}e{power - EXPONENTS.get(suffix, 0)}'):.12g}{suffix}"


def format_flops(value: float, digits: int = 3) -> str:
    """FLOPs to three significant digits, always with a power of ten: 4.2e21."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    head, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{float(head):g}e{int(exponent)}"


def parse_bytes(text: str) -> float:
    """A positive number of bytes from text such as `8GB`, `512MiB`, `1.5 TB` or `8e9`.

    K, M, G, T and P are powers of 1000, or with an i of 1024, in either case.

    Raises:
        UserError: if the text is anything else, zero, or beyond the range of a double.
    """
    match = _BYTES.fullmatch(text.strip())
    if match is None or (match[4] and not match[3]):
        raise UserError(f"{text[:40]!r} is not a number of bytes; write one such as 8GB, 512MiB or 8e9.")
    digits, exponent, prefix, binary = match.groups()
    power = BYTE_UNITS[prefix.upper()] if prefix else 0
    decimal = int(exponent or 0) + (0 if binary else 3 * power)
    value = float(f"{digits}e{decimal}") * (1024**power if binary else 1)
    if not 0 < value < math.inf:
        raise UserError(
            f"{text[:40]!r} is not a positive, finite number of bytes; write one such as 8GB, 512MiB or 8e9."
        )
    return value


def parse_seconds(text: str) -> float:
    """A positive time in seconds from text such as `20ms`, `0.5 s` or `250us`.

    Raises:
        UserError: if the text is anything else.
    """
    match = _SECONDS.fullmatch(text.strip())
    value = float(match[1]) * SECONDS[match[2] or "s"] if match else 0.0
    if not 0 < value < math.inf:
        raise UserError(f"{text[:40]!r} is not a time; write one such as 20ms, 0.5s or 250us.")
    return value


def format_bytes(value: float) -> str:
    """Bytes to three significant digits in powers of 1000: 512 B, 8 GB, 1.33 MB."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g} B"
    digits, exponent = f"{value:.2e}".split("e")
    power = min(max(int(exponent) // 3, 0), len(BYTE_UNITS))
    return f"{float(f'{digits}e{int(exponent) - 3 * power}'):.12g} {' KMGTP'[power].strip()}B"


def format_seconds(seconds: float) -> str:
    """Seconds for people: 42 s, 12 min, 3.4 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
