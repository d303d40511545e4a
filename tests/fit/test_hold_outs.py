"""Hold-outs leave out what they say: levels where there are few, bins of them where there are many."""

import re

import numpy as np
import pytest

from sparselaw.fit.hold_outs import hold_outs


def test_every_split_of_the_vit_sweep(vit_jft):
    splits = dict(hold_outs(vit_jft))
    levels = {"N": vit_jft.nonzero_params, "D": vit_jft.data, "S": vit_jft.sparsity}
    expected = {}
    for name, values in levels.items():
        ordered = np.unique(np.round(values, 6))
        for k, level in enumerate(ordered):
            expected[f"{name} level {k + 1} of {len(ordered)}"] = np.isclose(values, level)
        for k in range(3, len(ordered) - 1):
            expected[f"{name} above level {k}"] = values > ordered[k - 1] * 1.01
    largest = [values > 0.99 * values.max() for values in (levels["N"], levels["D"])]
    expected["largest N and largest D"] = largest[0] | largest[1]
    assert set(splits) == set(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(splits[name], mask, err_msg=name)
    assert sum(name.startswith("N level") for name in splits) == 7
    assert {"N above level 3", "N above level 4", "N above level 5", "S above level 3"} <= set(splits)


def test_levels_within_a_percent_are_left_out_together(sweep):
    splits = dict(hold_outs(sweep(N=(1e6, 1.005e6, 4e6))))
    assert splits["N level 1 of 2"].sum() == 32


def test_a_single_level_is_never_left_out(sweep):
    assert not any(name.startswith(("N", "largest")) for name, _ in hold_outs(sweep(N=(1e6,))))


def test_something_is_always_left_to_fit(table):
    crossing = table([0, 0], [1e6, 2e6], [2e9, 1e9])
    assert [name for name, mask in hold_outs(crossing) if mask.all()] == []


def test_many_levels_are_left_out_in_bins(many_levels):
    """41 sizes are 6 and seven times 5; 136 durations are eight times 17; the 4 sparsities stay as they are."""
    splits = dict(hold_outs(many_levels))
    assert len(splits) == 8 + 8 + 4 + 4 + 4 + 1
    distinct = [
        len(np.unique(many_levels.nonzero_params[splits[name]])) for name in splits if re.match("N .* to", name)
    ]
    assert distinct == [6, 5, 5, 5, 5, 5, 5, 5]
    assert [splits[name].sum() for name in splits if re.match("D .* to", name)] == [17] * 8
    assert [name for name in splits if name[0] == "S"] == [f"S level {k} of 4" for k in (1, 2, 3, 4)]


def test_bins_are_named_by_their_spans(many_levels):
    """1.05^16 is 2.18 and 1.05^17 is 2.29; the third bin ends at 1.05^50, which is 11.5."""
    splits = dict(hold_outs(many_levels))
    np.testing.assert_array_equal(splits["D 1B to 2.18B"], many_levels.data < 2.2e9)
    assert any(name.startswith("D 2.29B to ") for name in splits)
    np.testing.assert_array_equal(splits["D above 11.5B"], many_levels.data > 11.5e9)


@pytest.mark.parametrize("kind", "NDS")
@pytest.mark.parametrize("name", ["many_levels", "vit_jft"])
def test_each_run_is_left_out_once_for_each_kind(kind, name, request):
    splits = hold_outs(request.getfixturevalue(name))
    masks = [mask for name, mask in splits if re.match(f"{kind} (level|.* to )", name)]
    np.testing.assert_array_equal(np.sum(masks, axis=0), 1)


@pytest.mark.parametrize(("number", "first"), [(8, "S level 1 of 8"), (9, "S 0% to 5%")])
def test_eight_levels_stay_their_own(table, number, first):
    S = 0.05 * np.arange(number)
    splits = dict(hold_outs(table(S, np.full(number, 1e6), np.full(number, 1e9))))
    assert next(iter(splits)) == first
    assert sum(name.startswith("S") and "above" not in name for name in splits) == 8
