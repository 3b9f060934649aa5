"""Amounts that may differ a little, compared to the last decimal.

What goes here: the comparisons, over whole columns. What stays out: how much each may differ (in
`rules`).

Doubles decide wherever they can. Where the difference is too small beside the amounts, and there
alone, the decimals themselves are computed with: a product of two has 76 digits, which is more
than Arrow's decimals hold together with a tolerance.
"""

from collections.abc import Callable
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cryptoassets.transforms.outcomes import Rows

# A cast to double and the operations on it are each off by less than 2**-50 of the amounts.
_MARGIN = 1e-12
_EXACT = Context(prec=100)


def rows_above(amounts: pa.Array, limits: pa.Array, tolerance: Decimal) -> Rows:
    """The rows whose amount exceeds its limit by more than this share of it.

    Args:
        amounts: DECIMAL(38,18); a row with a null is not above.
        limits: the same.
        tolerance: share of the limit.
    """
    amount, limit = doubles(amounts), doubles(limits)
    excess = amount - limit - limit * float(tolerance)
    size = np.abs(amount) + np.abs(limit)

    def exact(amount: Decimal, limit: Decimal) -> Decimal:
        return _minus(_minus(amount, limit), _times(limit, tolerance))

    return _rows_above_zero(excess, size, exact, (amounts, limits))


def rows_apart(amounts: pa.Array, ones: pa.Array, others: pa.Array, tolerance: Decimal) -> Rows:
    """The rows whose amount differs from a product by more than this share of the product.

    Args:
        amounts: DECIMAL(38,18); a row with a null is not apart.
        ones: the same.
        others: the same; what the ones are multiplied with.
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
    """Decimals as doubles, within 2**-50 of each value; NaN for null."""
    floats: NDArray[np.float64] = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return floats


def _rows_above_zero(
    excess: NDArray[np.float64],
    size: NDArray[np.float64],
    exact: Callable[..., Decimal],
    columns: tuple[pa.Array, ...],
) -> Rows:
    """The rows whose exact excess is above zero.

    Args:
        excess: in doubles; NaN is not above zero.
        size: sum of the amounts that it is made of, each taken as positive.
        exact: amounts of a row to its excess.
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
