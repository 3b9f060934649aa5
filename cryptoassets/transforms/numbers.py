"""Parses strings from the source into exact decimals, or reports why this is impossible.

What goes here: deciding whether a string is a number that fits NUMERIC(38,18). What stays out: what
a number means (in `rules`).

Arrow's own cast is not suitable: a single string such as 'bad' makes it fail for the whole column,
and it accepts '+1' and '.5', which are malformed here.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.schemas import DECIMAL_PRECISION, DECIMAL_SCALE

DECIMAL = pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE)

_INTEGER_DIGITS = DECIMAL_PRECISION - DECIMAL_SCALE
_PLAIN = rf"\A-?[0-9]{{1,{_INTEGER_DIGITS}}}(\.[0-9]{{1,{DECIMAL_SCALE}}})?\z"
_NUMBER = re.compile(r"-?([0-9]{1,400}(?:\.[0-9]{1,400})?)(?:[eE][+-]?[0-9]{1,3})?")
_LAST_PLACE = Decimal(1).scaleb(-DECIMAL_SCALE)
_TOO_LARGE = Decimal(10) ** _INTEGER_DIGITS
# One digit more than the decimal type has, because rounding may carry.
_ROUNDED = Context(prec=DECIMAL_PRECISION + 1, rounding=ROUND_HALF_UP)

# A double's shortest string has at most 17 significant digits, but it may have 24 decimal places.
_DOUBLE_DIGITS = 17

BLANKS = "".join(map(chr, [*range(33), 127]))
"""The space and the control characters."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,400}")


def exact_decimals(texts: pa.Array, *, is_double: bool) -> tuple[pa.Array, dict[str, list[int]]]:
    """Parse strings as DECIMAL(38,18), and list the rows whose string has no exact value.

    Args:
        texts: numbers as received; null is allowed.
        is_double: whether the source prints this field as the shortest string that represents a
            double. If so, a string with at most 17 significant digits is rounded to 18 decimal
            places, possibly to zero. Any other string that would have to be rounded is a problem.

    Returns:
        The values, and the rows of each problem. A value is null if its string is null or has a
        problem. The problems are `malformed`, `overflow` (more than 20 digits before the decimal
        point), `underflow` (not zero, but zero when rounded to 18 decimal places) and `inexact`
        (any other number with digits beyond the 18th decimal place).
    """
    is_plain = pc.match_substring_regex(texts, _PLAIN)
    values = pc.if_else(is_plain, texts, pa.scalar(None, pa.string())).cast(DECIMAL)
    odd = pc.indices_nonzero(pc.invert(is_plain))
    if not len(odd):
        return values, {}
    problems: dict[str, list[int]] = {}
    is_exact, exact = np.zeros(len(texts), bool), []
    for row, text in zip(odd.to_pylist(), texts.take(odd).to_pylist(), strict=True):
        verdict = _verdict(text, is_double=is_double)
        if isinstance(verdict, str):
            problems.setdefault(verdict, []).append(row)
        else:
            is_exact[row] = True
            exact.append(verdict)
    return pc.replace_with_mask(values, pa.array(is_exact), pa.array(exact, DECIMAL)), problems


def _verdict(text: str, *, is_double: bool) -> Decimal | str:
    """Return the value of one string, or its problem."""
    number = _NUMBER.fullmatch(text)
    if number is None:
        return "malformed"
    value = Decimal(text)
    if value and value.adjusted() >= _INTEGER_DIGITS:
        return "overflow"
    rounded = value.quantize(_LAST_PLACE, context=_ROUNDED)
    # abs() would round to the context's precision.
    if rounded.copy_abs() >= _TOO_LARGE:
        return "overflow"
    if rounded == value or (is_double and _significant_digits(number[1]) <= _DOUBLE_DIGITS):
        return rounded
    return "inexact" if rounded else "underflow"


def _significant_digits(mantissa: str) -> int:
    return len(mantissa.replace(".", "").strip("0"))


def whole_number(text: str) -> int | None:
    """Parse a whole number with optional sign and surrounding `BLANKS`; else return None."""
    digits = text.strip(BLANKS)
    return int(digits) if _WHOLE.fullmatch(digits) else None
