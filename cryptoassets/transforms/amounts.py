"""Exact arithmetic with amounts, which are decimals with 18 decimal places.

What goes here: operations whose results Spark's own operators would round. What stays out:
statistics, which are computed as doubles (in `marts`).
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from cryptoassets.schemas import DECIMAL_PRECISION, DECIMAL_SCALE

AMOUNT = f"decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})"
# Spark multiplies and adds values of these types without rounding: results need at most 38 digits.
_WHOLE, _FRACTION, _TERM = "decimal(19,0)", "decimal(18,18)", "decimal(37,18)"


def exact_product(left: str, right: str) -> Column:
    """The product of two columns of amounts, rounded half up at the 18th decimal place.

    Args:
        left: name of a column with amounts that are not negative.
        right: name of another such column.

    Returns:
        An amount; null if a factor is null, or if a factor or the product has 20 or more digits
        before the decimal point.
    """
    # Spark's product of two amounts would keep only 6 decimal places. Products of parts are exact.
    (left_whole, left_rest), (right_whole, right_rest) = map(_parts, (left, right))
    terms = [
        left_whole * right_whole,
        left_whole * right_rest,
        left_rest * right_whole,
        F.round(left_rest * right_rest, DECIMAL_SCALE),
    ]
    product = terms[0].try_cast(_TERM)
    for term in terms[1:]:
        product = (product + term.try_cast(_TERM)).try_cast(_TERM)
    return product.try_cast(AMOUNT)


def _parts(name: str) -> tuple[Column, Column]:
    """Split an amount into its digits before and after the decimal point."""
    amount = F.col(name).try_cast(_TERM)
    whole = F.floor(amount).try_cast(_WHOLE)
    return whole, (amount - whole).try_cast(_FRACTION)
