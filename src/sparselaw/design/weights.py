"""How many of each candidate run: the counts that make the expected variance of an answer smallest within resources.

    minimise  Phi(w) = mean_k c_k' M_k(w)^-1 c_k,   M_k(w) = M_0k + sum_x w_x g_kx g_kx',   subject to  P w <= 1, w >= 0,

P [num_resources, n] being the share of each resource (FLOPs, number of runs) that one run takes. With w real this is convex:
c-optimality averaged over draws k. Newton's method solves it, each step a non-negative least-squares problem. The
equivalence theorem (Kiefer 1974, Whittle 1973) says when it is solved: with phi_x = -dPhi/dw_x = mean_k (g_kx' M_k^-1 c_k)^2,
no v within the resources has phi'v > phi'w. By convexity that excess also bounds how far Phi is above its minimum. Whole
counts come from the real ones by rounding up, taking away what helps least, and exchanging one run for another as long as
it helps (Fedorov 1972).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparselaw.design.information import Beliefs
from sparselaw.laws import Array

TOLERANCE = 1e-7  # share of Phi that a solution may be above the minimum
NEWTON_STEPS = 100
BISECTIONS = 40
STIFFNESS = 1e6  # of the resources in a least-squares step; what it lets through is scaled away
NEGLIGIBLE = 0.01  # of a run: a weight below it is not rounded up
IMPROVEMENT = 1e-4  # share of Phi that an exchange must gain
WHOLE = 1 + 1e-9  # all of a resource, but for rounding

Counts = NDArray[np.intp]
Reals = Array | Counts


@dataclass(frozen=True)
class Weights:
    """Real counts w [n], Phi there, and an upper bound on how far that is above the minimum."""

    values: Array
    variance: float
    excess: float


def variances(known: Beliefs, w: Reals) -> Array:
    """c_k' M_k(w)^-1 c_k at each draw, [K]."""
    return np.einsum("ki,ki->k", known.answer, _solve(_information(known, w), known.answer))


def sensitivity(known: Beliefs, w: Array) -> tuple[float, Array]:
    """Phi and phi_x = -dPhi/dw_x [n]."""
    direction = _solve(_information(known, w), known.answer)
    return (
        float(np.einsum("ki,ki->k", known.answer, direction).mean()),
        (np.einsum("kni,ki->kn", known.runs, direction) ** 2).mean(0),
    )


def optimal_weights(known: Beliefs, shares: Array) -> Weights:
    """The best real counts.

    Args:
        known: beliefs about n candidates.
        shares: P [num_resources, n], >= 0, some resource being needed for each run.
    """
    w = np.ones(shares.shape[1])
    w /= (shares @ w).max()
    for _ in range(NEWTON_STEPS):
        variance, phi = sensitivity(known, w)
        excess = _most(phi, shares) - float(phi @ w)
        if excess <= TOLERANCE * variance:
            break
        w = _line_search(known, w, _newton_point(known, w, shares) - w)
    variance, phi = sensitivity(known, w)
    return Weights(w, variance, max(0.0, _most(phi, shares) - float(phi @ w)))


def _most(phi: Array, shares: Array) -> float:
    """The largest phi'v within the resources; scaled, since the solver's tolerances are absolute."""
    from scipy.optimize import linprog  # half of what `sparselaw plan` would take to start

    size = shares.max(0)
    worth = phi / size
    scale = max(float(worth.max()), 1e-300)
    return -scale * float(linprog(-worth / scale, A_ub=shares / size, b_ub=np.ones(len(shares)), method="highs").fun)


def _newton_point(known: Beliefs, w: Array, shares: Array) -> Array:
    """The minimum within the resources of the quadratic model of Phi at w.

    The Hessian is 2 mean_k s_kx (g_kx' M_k^-1 g_ky) s_ky with s_kx = g_kx' M_k^-1 c_k, a Gram matrix, so the model is a sum of
    squares. Slack variables make the resources rows of it.
    """
    from scipy.optimize import nnls

    num_draws, num_runs, p = known.runs.shape
    root = np.linalg.cholesky(_information(known, w))
    answer = _solve(root, known.answer)
    runs = np.linalg.solve(root, known.runs.transpose(0, 2, 1))
    s = np.einsum("kpn,kp->kn", runs, answer)
    size = shares.max(0)  # w in units of the scarcer resource
    columns = (np.sqrt(2 / num_draws) * s[:, None, :] * runs).reshape(num_draws * p, num_runs) / size
    wanted = answer.reshape(-1) / np.sqrt(2 * num_draws) + columns @ (w * size)
    stiff = STIFFNESS * max(np.abs(columns).max(), 1e-300)
    num_resources = len(shares)
    resources = stiff * np.hstack([shares / size, np.eye(num_resources)])
    system = np.vstack([np.hstack([columns, np.zeros((len(columns), num_resources))]), resources])
    target = np.concatenate([wanted, np.full(num_resources, stiff)])
    found = nnls(system, target, maxiter=50 * system.shape[1])[0][:num_runs] / size
    return found / max((shares @ found).max(), 1e-300)


def _line_search(known: Beliefs, w: Array, step: Array) -> Array:
    """Where Phi is lowest on the way from w to w + step; Phi is convex along it."""

    def still_falling(t: float) -> bool:
        return bool(sensitivity(known, w + t * step)[1] @ step > 0)

    low, high = 0.0, 1.0
    if still_falling(1.0):
        low = 1.0
    else:
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if still_falling(middle) else (low, middle)
    return np.maximum(w + low * step, 0.0)


def whole_counts(known: Beliefs, w: Array, shares: Array, *, most: int) -> Counts:
    """Whole counts [n] near the real counts w, within the resources, none above `most`, which no exchange of one run improves."""
    counts = np.minimum(np.ceil(w - NEGLIGIBLE), most).astype(np.intp)
    while (spent := shares @ counts).max() > WHOLE:
        price = np.where(counts > 0, shares[spent > WHOLE].sum(0), 0.0)
        worth = np.divide(_loss_without(known, counts), price, out=np.full(len(counts), np.inf), where=price > 0)
        counts[np.argmin(worth)] -= 1
    counts = _filled(known, counts, shares, most)
    while (better := _exchanged(known, counts, shares, most)) is not None:
        counts = better
    return counts


def _filled(known: Beliefs, counts: Counts, shares: Array, most: int) -> Counts:
    """With runs added while resources last, the one that helps most for what it takes of them first."""
    counts = counts.copy()
    while (allowed := _allowed(counts, shares, most)).any():
        room = np.maximum(WHOLE - shares @ counts, 1e-12)
        price = (shares / room[:, None]).max(0)
        counts[np.argmax(np.where(allowed, _gain_with(known, counts) / price, -1.0))] += 1
    return counts


def _exchanged(known: Beliefs, counts: Counts, shares: Array, most: int) -> Counts | None:
    """Counts after the best exchange of one run for another, if it is worth it, and what is then left spent too."""
    used = np.flatnonzero(counts)
    room = WHOLE - (shares @ counts)[:, None] + shares[:, used]
    allowed = (shares[:, None, :] <= room[:, :, None]).all(0) & (counts < most)
    change = np.where(allowed, _change_with_swaps(known, counts, used), np.inf)
    given, taken = np.unravel_index(np.argmin(change), change.shape)
    if not change[given, taken] < -IMPROVEMENT * variances(known, counts).mean():
        return None
    better = counts.copy()
    better[used[given]] -= 1
    better[taken] += 1
    return _filled(known, better, shares, most)


def _change_with_swaps(known: Beliefs, counts: Counts, used: NDArray[np.intp]) -> Array:
    """By how much Phi changes with one fewer of each used run and one more of each run, [num_used, n]."""
    size, towards, half = _rank_one(known, counts)
    cross = np.matmul(half[:, used], known.runs.transpose(0, 2, 1))
    rest = np.maximum(1 - size[:, used], 1e-12)[:, :, None]
    lost = towards[:, used, None]
    gained = (towards[:, None] + cross * lost / rest) ** 2 / (1 + size[:, None] + cross**2 / rest)
    return (lost**2 / rest - gained).mean(0)


def _allowed(counts: Counts, shares: Array, most: int) -> NDArray[np.bool_]:
    return (shares <= (WHOLE - shares @ counts)[:, None]).all(0) & (counts < most)


def _gain_with(known: Beliefs, counts: Counts) -> Array:
    """By how much one more of each run lowers Phi, [n] (Sherman-Morrison)."""
    size, towards, _ = _rank_one(known, counts)
    return (towards**2 / (1 + size)).mean(0)


def _loss_without(known: Beliefs, counts: Counts) -> Array:
    """By how much one fewer of each run raises Phi, [n]."""
    size, towards, _ = _rank_one(known, counts)
    return (towards**2 / np.maximum(1 - size, 1e-12)).mean(0)


def _rank_one(known: Beliefs, counts: Counts) -> tuple[Array, Array, Array]:
    """g' M^-1 g and g' M^-1 c of each run at each draw, [K, n], and g' M^-1, [K, n, p]."""
    half = np.matmul(known.runs, np.linalg.inv(_information(known, counts)))
    return (half * known.runs).sum(2), np.matmul(half, known.answer[:, :, None])[:, :, 0], half


def _information(known: Beliefs, w: Reals) -> Array:
    used = np.flatnonzero(w)
    runs = known.runs[:, used]
    return known.prior + np.matmul(runs.transpose(0, 2, 1) * np.asarray(w, dtype=float)[used], runs)


def _solve(matrices: Array, vectors: Array) -> Array:
    return np.linalg.solve(matrices, vectors[..., None])[..., 0]
