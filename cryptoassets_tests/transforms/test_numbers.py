"""Promises of parsing: the exact decimal, or the name of what is wrong; nothing in between."""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from cryptoassets.transforms.numbers import decimal_value, number_problem

pytestmark = pytest.mark.spark

Verdict = Decimal | str | None
LARGEST = "99999999999999999999.999999999999999999"
SMALLEST = Decimal("1E-18")
PRECISE = Context(prec=2_000)

VERDICTS: dict[str | None, Verdict] = {
    None: None,
    # Row 10 of the faults.
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
    "-0": Decimal(0),
    "-1.5": Decimal("-1.5"),
    "\u0967\u0968": "malformed",  # Devanagari 12, which Java's parser takes
    # Words that some parser takes.
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
    # Edges of 20 digits before and 18 after the point.
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
    # More digits than meaning.
    "0e999": Decimal(0),
    "0e-999": Decimal(0),
    "0." + "0" * 30: Decimal(0),
    "1.5" + "0" * 30: Decimal("1.5"),
    "0" * 39 + "1": Decimal(1),
    "1E+5": Decimal(100_000),
    "12300e-20": Decimal("1.23E-16"),
    "1" + "0" * 30 + "e-30": Decimal(1),
}


def judge(
    session: SparkSession, texts: Iterable[str | None], *, is_double: bool = False
) -> list[Verdict]:
    """Value or problem of each text, in one job."""
    problem = number_problem(F.col("text"), is_double=is_double)
    rows = session.createDataFrame(
        [(place, text) for place, text in enumerate(texts)], "place INT, text STRING"
    )
    judged = rows.select("place", problem, decimal_value(F.col("text"))).collect()
    return [problem or value for _, problem, value in sorted(judged)]


def exactly(text: str, *, is_double: bool = False) -> Verdict:
    """The same by Python's decimals, whose precision is as large as one asks for."""
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


@pytest.fixture(scope="module")
def verdicts(session: SparkSession) -> dict[str | None, Verdict]:
    """All texts of the table, judged in one job."""
    return dict(zip(VERDICTS, judge(session, VERDICTS), strict=True))


@pytest.mark.parametrize("text", VERDICTS, ids=lambda text: ascii(text)[:40])
def test_a_text_is_its_exact_decimal_or_its_reason(
    verdicts: dict[str | None, Verdict], text: str | None
) -> None:
    """Never silently 0, NULL or a double: each of these was one of them under a plain cast."""
    assert VERDICTS[text] == verdicts[text]


DIGITS = st.text("0123456789", min_size=1, max_size=24) | st.sampled_from(["0", "9" * 20, "0" * 19])
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format),
    st.just("") | st.integers(-45, 45).map("e{}".format) | st.sampled_from(["E+7", "e-07", "e"]),
)
TEXTS = st.lists(NUMBERS | st.text("0123456789.eE+- \n", max_size=12), min_size=300, max_size=400)
ONE_JOB_EACH = settings(
    max_examples=4,
    deadline=None,
    # Shrinking would start a thousand jobs; the assertion names the one text that differs.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@ONE_JOB_EACH
@given(TEXTS)
def test_any_text_is_exact_or_refused_by_name(session: SparkSession, texts: list[str]) -> None:
    """Hundreds of texts of digits, points and exponents against Python's exact decimals."""
    judged = judge(session, texts)

    expected = {text: exactly(text) for text in texts}
    assert {} == {
        t: (expected[t], v) for t, v in zip(texts, judged, strict=True) if v != expected[t]
    }


@ONE_JOB_EACH
@given(TEXTS, st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
def test_a_double_may_be_rounded_at_the_18th_place_and_nowhere_else(
    session: SparkSession, texts: list[str], doubles: list[float]
) -> None:
    """CoinCap prints vwap and change as JavaScript does: 17 digits, 24 places for a small one."""
    texts = [*texts, *map(repr, doubles)]

    judged = judge(session, texts, is_double=True)

    expected = {text: exactly(text, is_double=True) for text in texts}
    assert {} == {
        t: (expected[t], v) for t, v in zip(texts, judged, strict=True) if v != expected[t]
    }
