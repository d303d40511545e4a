"""Against the classical case: one-way layouts, where the answers are Student's t and analysis of variance."""

import numpy as np
import pytest
from scipy import stats

from sparselaw.fit.shared_noise import SharedNoise


def test_without_blocks_it_is_students_t():
    rng = np.random.default_rng(0)
    jacobian = np.column_stack([np.ones(9), np.arange(9.0)])
    measured = 2 + 0.5 * np.arange(9) + rng.standard_normal(9)
    fit = stats.linregress(np.arange(9), measured)
    residuals = measured - fit.intercept - fit.slope * np.arange(9)
    noise = SharedNoise(jacobian, residuals, np.arange(9))
    assert noise.deviations.of_runs == pytest.approx(np.sqrt((residuals**2).sum() / 7))
    assert noise.deviations.of_blocks == 0
    assert noise.reach(np.array([[0.0, 1.0]]), 0.95) == pytest.approx(stats.t.ppf(0.975, 7) * fit.stderr, rel=0.05)


def test_variances_are_those_of_analysis_of_variance():
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(30), 4)
    measured = 0.5 * rng.standard_normal(30)[blocks] + 0.1 * rng.standard_normal(120)
    means = measured.reshape(30, 4).mean(axis=1)
    within = ((measured.reshape(30, 4) - means[:, None]) ** 2).sum() / 90
    between = 4 * means.var(ddof=1)
    noise = SharedNoise(np.ones((120, 1)), measured - measured.mean(), blocks)
    assert noise.deviations.of_runs == pytest.approx(np.sqrt(within))
    assert noise.deviations.of_blocks == pytest.approx(np.sqrt((between - within) / 4))


def test_a_difference_inside_blocks_is_a_paired_t_test():
    rng = np.random.default_rng(2)
    luck = rng.standard_normal(10)
    first, second = (luck + 0.01 * rng.standard_normal(10) for _ in range(2))
    jacobian = np.kron(np.eye(2), np.ones((10, 1)))
    residuals = np.concatenate([first - first.mean(), second - second.mean()])
    noise = SharedNoise(jacobian, residuals, np.tile(np.arange(10), 2))
    paired = stats.t.ppf(0.975, 9) * (first - second).std(ddof=1) / np.sqrt(10)
    assert noise.reach(np.array([[1.0, -1.0]]), 0.95) == pytest.approx(paired, rel=0.05)


def test_intervals_that_hold_together_are_wider():
    jacobian = np.kron(np.eye(4), np.ones((5, 1)))
    residuals = np.random.default_rng(3).standard_normal(20)
    noise = SharedNoise(jacobian, residuals - jacobian @ (jacobian.T @ residuals / 5), np.arange(20))
    contrasts = np.array([[1.0, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1], [0, 1, -1, 0], [0, 1, 0, -1], [0, 0, 1, -1]])
    tukey = stats.studentized_range.ppf(0.95, 4, 16) * noise.deviations.of_runs / np.sqrt(5)
    assert noise.reach(contrasts, 0.95, together=True) == pytest.approx(tukey, rel=0.03)
    assert (noise.reach(contrasts, 0.95) < tukey * 0.85).all()
