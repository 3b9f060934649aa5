"""Source text to exact decimals: the value, or the reason why there is none.

What goes here: everything that decides whether a text is a number that NUMERIC(38,18) holds. What
stays out: what a number means (in `rules`).

Why not a plain cast: `cast` kills the batch on 'bad', and `try_cast` alone rounds '1.2e-19' to 0,
trims ' 1.5 ', takes Devanagari digits for ASCII ones and drops the 19th place without a word.
"""

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from cryptoassets.schemas import DECIMAL_PRECISION, DECIMAL_SCALE, NUMBER_KEY

_INTEGER_DIGITS = DECIMAL_PRECISION - DECIMAL_SCALE
# \z, not $: Java's $ also matches before a final newline.
_PLAIN = rf"\A-?[0-9]{{1,{_INTEGER_DIGITS}}}(\.[0-9]{{1,{DECIMAL_SCALE}}})?\z"
# Exponents are kept to three digits: BigDecimal would really build 1e999999999.
_NUMBER = r"\A-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?\z"

# A double has at most 17 significant digits; its shortest text can still have 24 decimal places.
_DOUBLE_DIGITS = 17


def numbers_as_text(payload: Column) -> Column:
    """A payload in which each number that raw keeps as `{"$numberDecimal": text}` is its text.

    Once for the whole payload, as the rules use a text many times. Within a text, quotes are
    escaped, so that only a member matches.
    """
    kept = rf'\{{\s*"{re.escape(NUMBER_KEY)}"\s*:\s*("[^"]*")\s*\}}'
    return F.when(payload.contains(NUMBER_KEY), F.regexp_replace(payload, kept, "$1")).otherwise(
        payload
    )


def decimal_value(text: Column) -> Column:
    """DECIMAL(38,18) of a number's text; null where `number_problem` is not null."""
    decimal = f"decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})"
    return F.when(text.rlike(_NUMBER), text.try_cast(decimal))


def number_problem(text: Column, *, is_double: bool = False) -> Column:
    """Name what keeps a text from being an exact DECIMAL(38,18).

    Args:
        text: the number as received; null is no problem here.
        is_double: the source prints this field as the shortest text of a double, so that digits
            beyond the 18th place are legal as long as a double can have them; the value is then
            rounded at the 18th place, to zero as well. False: any such digit is `inexact`.

    Returns:
        Null, `malformed`, `overflow` (20 digits before the point are the limit), `underflow`
        (not zero, but zero at 18 places) or `inexact` (digits beyond the 18th place).
    """
    value = decimal_value(text)
    mantissa = F.regexp_replace(text, r"[eE].*\z", "")
    digits = F.regexp_replace(mantissa, r"[^0-9]", "")
    significant = F.regexp_replace(digits, r"\A0+|0+\z", "")
    trailing_zeros = F.length(digits) - F.length(F.regexp_replace(digits, r"0+\z", ""))
    fraction_digits = F.length(F.regexp_extract(mantissa, r"\.([0-9]+)\z", 1))
    exponent = F.coalesce(
        F.regexp_extract(text, r"[eE]([+-]?[0-9]+)\z", 1).try_cast("int"), F.lit(0)
    )
    places = fraction_digits - trailing_zeros - exponent
    is_too_fine = (significant != "") & (places > DECIMAL_SCALE)
    if is_double:
        is_too_fine = is_too_fine & (F.length(significant) > _DOUBLE_DIGITS)
    return (
        F.when(text.isNull() | text.rlike(_PLAIN), F.lit(None).cast("string"))
        .when(~text.rlike(_NUMBER), F.lit("malformed"))
        .when(value.isNull(), F.lit("overflow"))
        # Written down once: twice, and the plan is more than the JVM takes as one method.
        .when(is_too_fine, F.when(value == 0, "underflow").otherwise("inexact"))
    )
