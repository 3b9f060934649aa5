"""Random paths whose value at any instant can be computed without earlier values.

What goes here: random numbers computed from their position, and Brownian bridges on dyadic
intervals whose steps have fat tails and whose volatility clusters. What stays out: coins and
dollars (in `market`).

Knots are 2^32 ms (49.7 days) apart and scatter around 0, so a path always stays near 0. Between
knots, intervals are halved again and again, and each midpoint is displaced by a random step.
Intervals of 2^10 ms are not halved: in them the path is linear, so it is smooth from one
millisecond to the next.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.uint64]

_COARSEST_LEVEL, _FINEST_LEVEL = 32, 10
_DAY_MS = 86_400_000.0
_KNOT_SPREAD = (2.0 ** (_COARSEST_LEVEL - 1) / _DAY_MS) ** 0.5
"""Scales knots so that the change between two knots has a daily standard deviation of about 1."""
_CLUSTERING = 0.25
_MIN_FACTOR, _MAX_FACTOR = 0.35, 2.8
_KNOTS, _STEPS, _FACTORS = 1, 2, 3
# Constants of splitmix64, whose output passes the usual tests of randomness.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MAX_STEP = 6.0
"""Limit of one random step, so that no price falls to almost zero at once."""


def unit_paths(seed: int, series: NDArray[np.int64], times_ms: NDArray[np.int64]) -> Floats:
    """Return paths whose daily change has a standard deviation of about 1.

    Args:
        seed: seed of the whole market.
        series: indices of the n paths.
        times_ms: m instants, ms since 1970.

    Returns:
        An array of n x m values.
    """
    rows, times = series[:, None], times_ms[None, :]
    knot = times >> _COARSEST_LEVEL
    left = fat_tailed(seed, _KNOTS, rows, knot) * _KNOT_SPREAD
    right = fat_tailed(seed, _KNOTS, rows, knot + 1) * _KNOT_SPREAD
    factor = np.ones_like(left)
    for level in range(_COARSEST_LEVEL, _FINEST_LEVEL, -1):
        index = times >> level
        half_days = 2.0 ** (level - 2) / _DAY_MS
        step = fat_tailed(seed, _STEPS, level, rows, index) * factor * np.sqrt(half_days)
        middle = (left + right) / 2 + step
        is_right = ((times >> (level - 1)) & 1).astype(bool)
        left, right = np.where(is_right, middle, left), np.where(is_right, right, middle)
        # Each half inherits the volatility factor, slightly changed, so that volatility clusters.
        change = 2 * uniform(seed, _FACTORS, level, rows, times >> (level - 1)) - 1
        factor = np.clip(factor * np.exp(_CLUSTERING * change), _MIN_FACTOR, _MAX_FACTOR)
    share = (times & (2**_FINEST_LEVEL - 1)) / 2.0**_FINEST_LEVEL
    return np.asarray(left + (right - left) * share, dtype=np.float64)


def mixed(*parts: Any) -> Integers:
    """Hash integers, or arrays of them that broadcast, to 64 random bits each."""
    state: Integers = np.asarray(np.uint64(0))
    with np.errstate(over="ignore"):
        for part in parts:
            state = np.asarray(state ^ np.asarray(part).astype(np.uint64)) + _GOLDEN
            state = (state ^ (state >> np.uint64(30))) * _MIX_1
            state = (state ^ (state >> np.uint64(27))) * _MIX_2
            state = state ^ (state >> np.uint64(31))
    return state


def uniform(*parts: Any) -> Floats:
    """Return uniformly distributed numbers in (0, 1)."""
    return ((mixed(*parts) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def fat_tailed(*parts: Any) -> Floats:
    """Return values of Student's t with 4 degrees of freedom, scaled to variance 1, within +-6."""
    p = uniform(*parts)
    # The quantile of t with 4 degrees of freedom has this closed form (Shaw 2006).
    alpha = np.sqrt(4 * p * (1 - p))
    q = np.cos(np.arccos(alpha) / 3) / alpha
    t = np.sign(p - 0.5) * 2 * np.sqrt(np.maximum(q - 1, 0))
    return np.asarray(np.clip(t / np.sqrt(2.0), -_MAX_STEP, _MAX_STEP), dtype=np.float64)
