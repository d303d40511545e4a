import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.counts import format_bytes, format_count, format_flops, parse_bytes, parse_count, parse_range
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8GB", 8e9),
        ("8 GB", 8e9),
        ("8gb", 8e9),
        ("512MiB", 512 * 2**20),
        ("1.5 TB", 1.5e12),
        ("1.1KB", 1100),
        ("0.5KiB", 512),
        ("2PiB", 2 * 2**50),
        ("8e9", 8e9),
        ("8e9B", 8e9),
        ("1500", 1500),
        ("1500 B", 1500),
    ],
)
def test_parse_bytes(text, value):
    assert parse_bytes(text) == value


@pytest.mark.parametrize(
    "text", ["", "GB", "-8GB", "0", "0GB", "8G", "8iB", "8Gi", "8EB", "8 G B", "8GBB", "nan", "1e400", "1,000", "٣GB"]
)
def test_parse_bytes_refuses(text):
    with pytest.raises(UserError, match=r"^.*is not a .*bytes.*\.$"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8e9, "8 GB"),
        (512 * 2**20, "537 MB"),
        (999, "999 B"),
        (1000, "1 KB"),
        (999_501, "1 MB"),
        (1.234e15, "1.23 PB"),
        (5e18, "5000 PB"),
        (0, "0 B"),
        (0.5, "0.5 B"),
        (math.nan, "nan B"),
    ],
)
def test_format_bytes(value, text):
    assert format_bytes(value) == text


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="0123456789.eEkKMGTPiIbB+-_ ,nainf٣", max_size=12))
def test_any_text_is_bytes_or_refused(text):
    try:
        value = parse_bytes(text)
    except UserError:
        return
    assert 0 < value < math.inf


def test_parse_range():
    assert parse_range("1M:1.3B") == (1e6, 1.3e9)


@pytest.mark.parametrize("text", ["", "1M", "1M:", ":1M", "1M:1M", "1B:1M", "1M:2M:3M", "0:1M"])
def test_a_range_has_two_counts_the_lower_one_first(text):
    with pytest.raises(UserError):
        parse_range(text)


@pytest.mark.parametrize(
    ("value", "text"), [(4.2e21, "4.2e21"), (9.999e8, "1e9"), (123456, "1.23e5"), (0.0, "0"), (math.inf, "inf")]
)
def test_format_flops(value, text):
    assert format_flops(value) == text


def test_format_flops_to_two_digits():
    assert format_flops(1.2345e13, 2) == "1.2e13"
