"""Random numbers that are a function of where they belong, so any instant can be asked alone.

What goes here: hashing to uniform and fat-tailed numbers, vectorised. What stays out: paths.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.uint64]

# Constants of splitmix64, whose output passes the usual tests of randomness.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_WIDEST = 6.0
"""Student's t with 4 degrees of freedom beyond this is cut: no coin falls to nothing at once."""


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
    """Return numbers in (0, 1), evenly spread."""
    return ((mixed(*parts) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def fat_tailed(*parts: Any) -> Floats:
    """Return Student's t with 4 degrees of freedom, scaled to variance 1, within +-6."""
    p = uniform(*parts)
    # The quantile of t with 4 degrees of freedom has this closed form (Shaw 2006).
    alpha = np.sqrt(4 * p * (1 - p))
    q = np.cos(np.arccos(alpha) / 3) / alpha
    t = np.sign(p - 0.5) * 2 * np.sqrt(np.maximum(q - 1, 0))
    return np.asarray(np.clip(t / np.sqrt(2.0), -_WIDEST, _WIDEST), dtype=np.float64)
