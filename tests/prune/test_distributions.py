import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.prune.distributions import Group, Tensor, allocate, erdos_renyi_kernel

TENSORS = [Tensor("embed", (100, 8), is_embedding=True), Tensor("a", (8, 16)), Tensor("b", (16, 5))]


@pytest.mark.parametrize(
    ("distribution", "embeddings", "groups"),
    [
        ("uniform", "sqrt", [((0,), 400), ((1,), 96), ((2,), 60)]),
        ("uniform", "dense", [((0,), 0), ((1,), 96), ((2,), 60)]),
        ("uniform", "target", [((0,), 600), ((1,), 96), ((2,), 60)]),
        ("global", "sqrt", [((0,), 400), ((1, 2), 156)]),
        ({"b": 0.1, "embed": 0.0}, "sqrt", [((0,), 0), ((1,), 96), ((2,), 8)]),
    ],
    ids=str,
)
def test_zeros_of_each_group(distribution, embeddings, groups):
    assert allocate(TENSORS, 0.75, distribution=distribution, embeddings=embeddings) == [Group(*g) for g in groups]


def test_zeros_are_rounded_half_to_even():
    tensors = [Tensor("a", (1, 5)), Tensor("b", (1, 7))]
    assert [g.num_zeros for g in allocate(tensors, 0.5, distribution="uniform", embeddings="sqrt")] == [2, 4]


def test_the_sum_of_a_ten_billion_weight_tensor_is_exact():
    (group,) = allocate([Tensor("a", (100_000, 100_001))], 0.75, distribution="uniform", embeddings="sqrt")
    assert group.num_zeros == 3 * 100_000 * 100_001 // 4


def test_erdos_renyi_kernel_densities_follow_the_formula():
    shapes = [(400, 100), (100, 50), (30, 20, 3, 3)]
    zeros = erdos_renyi_kernel(shapes, 0.95)
    sizes = [math.prod(shape) for shape in shapes]
    scales = [(n - z) / sum(shape) for n, z, shape in zip(sizes, zeros, shapes, strict=True)]
    assert sum(zeros) == round(0.95 * sum(sizes))
    assert max(scales) - min(scales) < 2 / 56  # within one weight of proportional


def test_erdos_renyi_kernel_caps_small_tensors_and_shares_their_zeros():
    zeros = erdos_renyi_kernel([(1000, 1000), (10, 2), (3, 2)], 0.5)
    assert zeros[1:] == [0, 0]
    assert sum(zeros) == round(0.5 * 1_000_026)


@settings(deadline=None, max_examples=200)
@given(
    shapes=st.lists(st.lists(st.integers(1, 40), min_size=2, max_size=4).map(tuple), min_size=1, max_size=8),
    sparsity=st.floats(0, 0.999),
)
def test_erdos_renyi_kernel_sums_exactly_and_fits(shapes, sparsity):
    sizes = [math.prod(shape) for shape in shapes]
    zeros = erdos_renyi_kernel(shapes, sparsity)
    assert sum(zeros) == round(sparsity * sum(sizes))
    assert all(0 <= z <= n for z, n in zip(zeros, sizes, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distribution": "normal"}, "'normal' is not a distribution"),
        ({"distribution": {"c": 0.5}}, "names c, not among"),
        ({"distribution": {"a": 1.0}}, "sparsity of a is 1.0"),
        ({"embeddings": "none"}, "'none' is not an option"),
    ],
    ids=str,
)
def test_mistakes(options, message):
    with pytest.raises(UserError, match=message):
        allocate(TENSORS, 0.5, **{"distribution": "uniform", "embeddings": "sqrt", **options})
