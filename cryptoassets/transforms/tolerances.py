"""Compares amounts with a tolerance, exactly to the last decimal place.

What goes here: comparisons of whole columns. What stays out: the tolerances (in `rules`).

Most rows are compared as doubles. Rows whose difference is too close to the tolerance for doubles
are compared as Python decimals. Arrow's decimals have at most 76 digits: a product of two amounts
can need all of them, and multiplying it by the tolerance needs more.
"""

from collections.abc import Callable
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cryptoassets.transforms.outcomes import Rows

# The errors of a cast to double and of each operation on doubles are below 2**-50 of the amounts.
_MARGIN = 1e-12
_EXACT = Context(prec=100)


def rows_above(amounts: pa.Array, limits: pa.Array, tolerance: Decimal) -> Rows:
    """Find rows whose amount exceeds its limit by more than a share of the limit.

    Args:
        amounts: DECIMAL(38,18). Rows with a null are never returned.
        limits: DECIMAL(38,18).
        tolerance: share of the limit.
    """
    amount, limit = doubles(amounts), doubles(limits)
    excess = amount - limit - limit * float(tolerance)
    size = np.abs(amount) + np.abs(limit)

    def exact(amount: Decimal, limit: Decimal) -> Decimal:
        return _minus(_minus(amount, limit), _times(limit, tolerance))

    return _rows_above_zero(excess, size, exact, (amounts, limits))


def rows_apart(amounts: pa.Array, ones: pa.Array, others: pa.Array, tolerance: Decimal) -> Rows:
    """Find rows whose amount differs from a product by more than a share of the product.

    Args:
        amounts: DECIMAL(38,18). Rows with a null are never returned.
        ones: DECIMAL(38,18); the first factors.
        others: DECIMAL(38,18); the second factors.
        tolerance: share of the product.
    """
    amount, product = doubles(amounts), doubles(ones) * doubles(others)
    excess = np.abs(amount - product) - np.abs(product) * float(tolerance)
    size = np.abs(amount) + np.abs(product)

    def exact(amount: Decimal, one: Decimal, other: Decimal) -> Decimal:
        product = _times(one, other)
        allowed = _times(product.copy_abs(), tolerance)
        return _minus(_minus(amount, product).copy_abs(), allowed)

    return _rows_above_zero(excess, size, exact, (amounts, ones, others))


def doubles(values: pa.Array) -> NDArray[np.float64]:
    """Convert decimals to doubles, within 2**-50 of each value; null becomes NaN."""
    floats: NDArray[np.float64] = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return floats


def _rows_above_zero(
    excess: NDArray[np.float64],
    size: NDArray[np.float64],
    exact: Callable[..., Decimal],
    columns: tuple[pa.Array, ...],
) -> Rows:
    """Find rows whose exact excess is above zero.

    Args:
        excess: the excess as doubles; NaN does not count as above zero.
        size: sum of the absolute amounts from which the excess was computed.
        exact: computes the exact excess from the amounts of a row.
        columns: the amounts.
    """
    is_above = excess > 0
    near = np.flatnonzero(np.abs(excess) < _MARGIN * size)
    amounts = zip(*(column.take(pa.array(near)).to_pylist() for column in columns), strict=True)
    is_above[near] = [exact(*row) > 0 for row in amounts]
    return np.flatnonzero(is_above)


def _minus(one: Decimal, other: Decimal) -> Decimal:
    return _EXACT.subtract(one, other)


def _times(one: Decimal, other: Decimal) -> Decimal:
    return _EXACT.multiply(one, other)
