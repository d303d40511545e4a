"""Tables and sentences about compared groups."""

import pytest

from sparselaw.fit.multipliers import Group, GroupComparison, Ratio
from sparselaw.fit.pretrained import CheckpointValue
from sparselaw.fit.published import open_fit
from sparselaw.fit.shared_noise import Deviations
from sparselaw.report.comparisons import comparison_text, pretrained_text, verdicts
from sparselaw.report.text import printed

GROUPS = (
    Group("50% 2:4", 0.5, 6, 2.2, (2.1, 2.3)),
    Group("75% 1:4", 0.75, 6, 1.2, (1.1, 1.3)),
    Group("75% unstructured", 0.75, 6, 2.2, (2.0, 2.4)),
)
RATIOS = (
    Ratio("50% 2:4", "75% 1:4", 1.8, (1.5, 2.2)),
    Ratio("50% 2:4", "75% unstructured", 1.0, (0.9, 1.1)),
    Ratio("75% 1:4", "75% unstructured", 0.5, (0.4, 0.8)),
)
FOUND = GroupComparison(
    by=("pattern",),
    groups=GROUPS,
    ratios=RATIOS,
    noise=Deviations(0.002, 0.001),
    level=0.95,
    num_dense=9,
    fit=open_fit("vit-jft"),
    warnings=("A warning.",),
)
VALUE = CheckpointValue(0.5, 2e4, 6e6, 1e6, 1.8, 3, 2e6, (1.5e6, 3e6), extrapolated=True)


def test_verdicts_compare_with_the_plain_group_and_then_across_sparsities() -> None:
    assert verdicts(FOUND) == [
        "75% 1:4 is worse than 75% unstructured (0.50 times its multiplier, 0.40 to 0.80).",
        "50% 2:4 is better than 75% 1:4 (1.80 times its multiplier, 1.50 to 2.20).",
        "(The 95% intervals of ratios hold for all 3 pairs at once.)",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_groups(width: int) -> None:
    shown = printed(comparison_text(FOUND), width)
    assert "compared with 9 dense runs" in shown
    assert "2.00 to 2.40" in shown
    assert shown.rstrip().endswith("warning: A warning.")
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_what_a_checkpoint_is_worth(width: int) -> None:
    shown = printed(pretrained_text([VALUE], 0.95), width)
    for part in ("50%", "20K", "6M", "2M*", "2.00", "1.50 to", "0.29"):
        assert part in shown
    assert "* extrapolated beyond the data of the runs from scratch" in shown
    assert max(map(len, shown.splitlines())) <= width
