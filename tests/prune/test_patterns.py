import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune.patterns import GroupPattern, _keep_best, input_dim, keep_groups, parse_pattern
from sparselaw.prune.ranking import bits_of

torch.set_num_threads(1)


def brute_force(row, mask, pattern):
    """Group by group in plain Python; the pruned rank last, and of equals the later one."""
    keep = []
    for start in range(0, len(row), pattern.length):
        members = range(start, start + pattern.length)
        best = sorted(members, key=lambda i: (not mask[i], -abs(row[i]), i))[: pattern.num_kept]
        keep += [i in best for i in members]
    return keep


@settings(deadline=None, max_examples=120)
@given(
    length=st.integers(1, 9),
    num_groups=st.integers(1, 6),
    kept=st.integers(1, 9),
    seed=st.integers(0, 10**6),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.float64]),
)
def test_against_brute_force(length, num_groups, kept, seed, dtype):
    pattern = GroupPattern(min(kept, length), length)
    generator = torch.Generator().manual_seed(seed)
    weights = (2 * torch.randn(3, length * num_groups, generator=generator)).round(decimals=1).to(dtype)
    mask = torch.rand(weights.shape, generator=generator) < 0.8
    weights *= mask
    expected = [brute_force(w.tolist(), m.tolist(), pattern) for w, m in zip(weights, mask, strict=True)]
    assert keep_groups(weights, pattern, mask=mask, dim=-1).tolist() == expected
    on_device = torch.empty(weights.numel(), dtype=torch.bool)  # the branch that devices other than the CPU take
    _keep_best(bits_of(weights).view(-1), mask.view(-1), on_device, pattern=pattern)
    assert on_device.view(weights.shape).tolist() == expected


@pytest.mark.parametrize("text", ["1:2", "2:4", "4:8", "1:4", "2:8", "3:5", "16:32"])
def test_exactly_n_of_every_m_over_many_pieces(text):
    pattern = parse_pattern(text)
    weights = torch.randn(700, pattern.length * 50, generator=torch.Generator().manual_seed(2))
    keep = keep_groups(weights, pattern, mask=torch.ones_like(weights, dtype=torch.bool), dim=-1)
    groups = weights.abs().view(-1, pattern.length)
    assert (keep.view(-1, pattern.length).sum(1) == pattern.num_kept).all()
    assert (groups * keep.view(groups.shape)).sum().item() == pytest.approx(
        groups.topk(pattern.num_kept).values.sum().item(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("module", "dim"),
    [(nn.Linear(8, 4), -1), (nn.Conv2d(8, 4, 3), 1), (nn.ConvTranspose1d(8, 4, 3), 0)],
    ids=["linear", "conv", "transposed"],
)
def test_groups_lie_along_the_inputs(module, dim):
    assert input_dim(module) == dim
    weights = module.weight.detach()
    keep = keep_groups(weights, GroupPattern(2, 4), mask=torch.ones_like(weights, dtype=torch.bool), dim=dim)
    groups = keep.movedim(dim, 0).reshape(2, 4, -1)
    assert keep.shape == weights.shape
    assert (groups.sum(1) == 2).all()


def test_conv1d_of_transformers_stores_inputs_first():
    from transformers.pytorch_utils import Conv1D

    assert input_dim(Conv1D(4, 8)) == 0


@pytest.mark.parametrize("text", ["5:4", "0:4", "2-4", "nm", "64:128"])
def test_impossible_patterns_are_refused(text):
    with pytest.raises(UserError, match=text):
        parse_pattern(text)
