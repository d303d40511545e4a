import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.counts import format_count, parse_count, parse_range
from sparselaw.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.3B", 1_300_000_000),
        ("85M", 85_000_000),
        ("300e9", 300_000_000_000),
        ("4.2e21", 4.2e21),
        ("1500", 1500),
        (" 2k ", 2000),
        ("2 T", 2_000_000_000_000),
        ("0.66m", 660_000),
        (".5b", 500_000_000),
        ("1E+6", 1_000_000),
        ("5.e3", 5000),
    ],
)
def test_parse_count(text, value):
    assert parse_count(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-5",
        "0",
        "0B",
        "nan",
        "inf",
        "1e400",
        "1e-400",
        "1_000",
        "1,000",
        "0x10",
        "٣",
        "１",
        "1e3M",
        "M",
        "1 0",
        "5G",
        "1.2.3",
    ],
)
def test_parse_count_refuses(text):
    with pytest.raises(UserError, match=r"^.*is not a .*count.*\.$"):
        parse_count(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.3e9, "1.3B"),
        (603_979_776, "604M"),
        (85e6, "85M"),
        (4.2e21, "4.2e21"),
        (999_499, "999K"),
        (999_501, "1M"),
        (999.7e12, "1e15"),
        (1e15, "1e15"),
        (512, "512"),
        (0.25, "0.25"),
        (1.5e-7, "1.5e-7"),
        (0, "0"),
        (-1.3e9, "-1.3B"),
        (math.inf, "inf"),
    ],
)
def test_format_count(value, text):
    assert format_count(value) == text


@settings(deadline=None, max_examples=300)
@given(st.floats(min_value=1e-300, max_value=1e300))
def test_round_trip_to_three_digits(value):
    text = format_count(value)
    back = parse_count(text)
    assert format_count(back) == text
    assert abs(Fraction(back) - Fraction(value)) <= Fraction(5, 1000) * Fraction(value) * Fraction(1001, 1000)


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 999), st.sampled_from(["K", "M", "B", "T"]))
def test_short_counts_survive_exactly(digits, suffix):
    text = f"{digits}{suffix}"
    assert format_count(parse_count(text)) == text
    assert parse_count(text) == digits * {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}[suffix]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="0123456789.eEkKmMbBtT+-_ ,nainf٣", max_size=12))
def test_any_text_is_a_positive_count_or_refused(text):
    try:
        value = parse_count(text)
    except UserError:
        return
    assert 0 < value < math.inf


def test_parse_range():
    assert parse_range("1M:1.3B") == (1e6, 1.3e9)


@pytest.mark.parametrize("text", ["", "1M", "1M:", ":1M", "1M:1M", "1B:1M", "1M:2M:3M", "0:1M"])
def test_a_range_has_two_counts_the_lower_one_first(text):
    with pytest.raises(UserError):
        parse_range(text)
