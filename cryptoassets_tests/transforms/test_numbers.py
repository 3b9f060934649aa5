"""Parsing returns the exact decimal of a string, or the code of its problem."""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.transforms.numbers import exact_decimals, whole_number
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT

Verdict = Decimal | str | None
LARGEST = "99999999999999999999.999999999999999999"
SMALLEST = Decimal("1E-18")
PRECISE = Context(prec=2_000)

VERDICTS: dict[str | None, Verdict] = {
    None: None,
    # Typical faulty numbers.
    "NaN": "malformed",
    "Infinity": "malformed",
    "1E400": "overflow",
    "": "malformed",
    " 1.5 ": "malformed",
    "1,234.5": "malformed",
    "0x10": "malformed",
    "1" * 40: "overflow",
    "0." + "1" * 40: "inexact",
    "1e-19": "underflow",
    "1.5e-18": "inexact",  # rounded only in fields that are printed as doubles
    "-0": Decimal(0),
    "-1.5": Decimal("-1.5"),
    "\u0967\u0968": "malformed",  # Devanagari 12, which Java's parser accepts
    # Strings that some parsers accept.
    "-Infinity": "malformed",
    "inf": "malformed",
    "null": "malformed",
    "true": "malformed",
    "{}": "malformed",
    "\uff11\uff12": "malformed",
    "+1": "malformed",
    ".5": "malformed",
    "5.": "malformed",
    "1d": "malformed",
    "1.5f": "malformed",
    "1_000": "malformed",
    "--1": "malformed",
    "1e": "malformed",
    "1.5\n": "malformed",
    "\n1.5": "malformed",
    "1\x00": "malformed",
    "1e1000": "malformed",
    "1" * 401: "malformed",
    # Limits: 20 digits before the decimal point, and 18 after it.
    LARGEST: Decimal(LARGEST),
    f"-{LARGEST}": Decimal(f"-{LARGEST}"),
    f"{LARGEST}0": Decimal(LARGEST),
    f"{LARGEST}1": "inexact",
    f"{LARGEST}9": "overflow",
    "100000000000000000000": "overflow",
    "1e19": Decimal(10**19),
    "1e20": "overflow",
    "-1e20": "overflow",
    "0.000000000000000001": SMALLEST,
    "1e-18": SMALLEST,
    "10e-19": SMALLEST,
    "12e-19": "inexact",
    "5e-19": "inexact",
    "-4e-19": "underflow",
    "1e-999": "underflow",
    # Redundant digits.
    "0e999": Decimal(0),
    "0e-999": Decimal(0),
    "0." + "0" * 30: Decimal(0),
    "1.5" + "0" * 30: Decimal("1.5"),
    "0" * 39 + "1": Decimal(1),
    "1E+5": Decimal(100_000),
    "12300e-20": Decimal("1.23E-16"),
    "1" + "0" * 30 + "e-30": Decimal(1),
}


def judge(texts: Iterable[str | None], *, is_double: bool = False) -> list[Verdict]:
    """Return the value or the problem of each string, parsed as one column."""
    values, problems = exact_decimals(pa.array([*texts], pa.string()), is_double=is_double)
    verdicts: list[Verdict] = values.to_pylist()
    for problem, rows in problems.items():
        for row in rows:
            assert verdicts[row] is None
            verdicts[row] = problem
    return verdicts


def expected_verdict(text: str, *, is_double: bool = False) -> Verdict:
    """Return the expected result, computed by Python's decimals with a large precision."""
    if not re.fullmatch(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", text):
        return "malformed"
    number = Decimal(text)
    rounded = number.quantize(SMALLEST, ROUND_HALF_UP, PRECISE)
    significant = len(number.normalize(PRECISE).as_tuple().digits)
    if abs(rounded) >= 10**20:
        return "overflow"
    if rounded != number and not (is_double and significant <= 17):
        return "inexact" if rounded else "underflow"
    return rounded


@pytest.mark.parametrize("text", VERDICTS, ids=lambda text: ascii(text)[:40])
def test_a_text_yields_its_exact_decimal_or_its_problem(text: str | None) -> None:
    """A plain cast silently turns many of these strings into 0, NULL or a double."""
    assert [VERDICTS[text]] == judge([text])


def test_values_and_problems_stay_in_the_rows_of_their_texts() -> None:
    """Unusual strings are parsed separately, so their results must be put back in place."""
    assert list(VERDICTS.values()) == judge(VERDICTS)
    assert [] == judge([])


DIGITS = st.text("0123456789", min_size=1, max_size=24) | st.sampled_from(["0", "9" * 20, "0" * 19])
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format),
    st.just("") | st.integers(-45, 45).map("e{}".format) | st.sampled_from(["E+7", "e-07", "e"]),
)
TEXTS = st.lists(NUMBERS | st.text("0123456789.eE+- \n", max_size=12), max_size=40)


@NO_TIME_LIMIT
@given(TEXTS)
def test_random_texts_yield_the_exact_decimal_or_a_problem(texts: list[str]) -> None:
    """The results are compared with Python's exact decimals."""
    assert [expected_verdict(text) for text in texts] == judge(texts)


@NO_TIME_LIMIT
@given(TEXTS, st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
def test_doubles_are_rounded_only_at_the_18th_place(texts: list[str], doubles: list[float]) -> None:
    """CoinCap prints some fields as JavaScript does: with up to 17 digits and 24 decimal places."""
    texts = [*texts, *map(repr, doubles)]

    assert [expected_verdict(text, is_double=True) for text in texts] == judge(
        texts, is_double=True
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("7", 7), ("-7", -7), ("+7", 7), ("007", 7), (" 7\n", 7), ("\x1f7\x7f", 7)),
        *(("", None), ("7.0", None), ("7e0", None), ("1_0", None), ("\u0967", None), ("- 7", None)),
        *(("\xa07", None), ("\u20037", None), ("7\x80", None), ("x", None)),
    ],
)
def test_a_whole_number_may_have_a_sign_and_spaces_around_it(text: str, number: int | None) -> None:
    """Ranks and times follow the rules of Spark's cast to integers."""
    assert number == whole_number(text)
