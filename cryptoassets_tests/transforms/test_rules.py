"""Each fault leads to its reasons, and each reason is tested with a fault."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cryptoassets.coincap.lossless import ExactNumber
from cryptoassets.transforms.prices import judge_prices
from cryptoassets.transforms.rules import DOUBLE_FIELDS, REASONS, SOURCE_FIELDS, ranks
from cryptoassets_tests.transforms import test_history as history
from cryptoassets_tests.transforms.snapshots import ABSENT, Row, raw_row, raw_table

FAULTY_NUMBERS = {
    "malformed": "0x10",
    "overflow": "1" * 21,
    "underflow": "1e-19",
    "inexact": "0." + "1" * 19,
}
# A string with more digits than a double can have is not rounded in any field.
TOO_FINE_FOR_A_DOUBLE = {"underflow": "1." + "1" * 19 + "e-20"}

# A payload field, its value, and all expected reasons.
FAULTS: list[tuple[str, Any, list[str]]] = [
    *(
        (field, text, [f"{column}_{problem}"])
        for column, field in SOURCE_FIELDS.items()
        for problem, text in (
            FAULTY_NUMBERS | (TOO_FINE_FOR_A_DOUBLE if column in DOUBLE_FIELDS else {})
        ).items()
    ),
    *((field, True, [f"{column}_malformed"]) for column, field in SOURCE_FIELDS.items()),
    *((field, {"a": 1}, [f"{column}_malformed"]) for column, field in SOURCE_FIELDS.items()),
    ("volumeUsd24Hr", ExactNumber("1e400"), ["volume_usd_24h_overflow"]),
    ("volumeUsd24Hr", ExactNumber("1" * 400), ["volume_usd_24h_overflow"]),
    ("volumeUsd24Hr", ExactNumber("0." + "1" * 19), ["volume_usd_24h_inexact"]),
    ("volumeUsd24Hr", ExactNumber("1E-99999999999999999999"), ["volume_usd_24h_malformed"]),
    ("rank", ExactNumber("1.00000000000000000001"), ["rank_malformed"]),
    ("priceUsd", None, ["price_usd_missing"]),
    ("priceUsd", ABSENT, ["price_usd_missing"]),
    ("priceUsd", "0", ["market_cap_usd_mismatch", "price_usd_not_positive"]),
    ("priceUsd", "-0", ["market_cap_usd_mismatch", "price_usd_not_positive"]),
    ("priceUsd", "-1.5", ["market_cap_usd_mismatch", "price_usd_not_positive"]),
    ("marketCapUsd", "-15", ["market_cap_usd_mismatch", "market_cap_usd_negative"]),
    ("marketCapUsd", "15.00002", ["market_cap_usd_mismatch"]),
    ("marketCapUsd", "14.99998", ["market_cap_usd_mismatch"]),
    ("volumeUsd24Hr", "-0.000000000000000001", ["volume_usd_24h_negative"]),
    ("vwap24Hr", "-1", ["vwap_usd_24h_negative"]),
    ("vwap24Hr", "0." + "1" * 19, ["vwap_usd_24h_inexact"]),
    ("supply", "-10", ["market_cap_usd_mismatch", "supply_negative"]),
    ("maxSupply", "-1", ["max_supply_negative", "supply_above_max_supply"]),
    ("maxSupply", "9.9", ["supply_above_max_supply"]),
    ("maxSupply", "9.99999997", ["supply_above_max_supply"]),
    ("changePercent24Hr", "-100.000000000000000001", ["change_pct_24h_below_minus_100"]),
    ("id", None, ["bad_id"]),
    ("id", ABSENT, ["bad_id"]),
    ("id", "Bitcoin", ["bad_id"]),
    ("id", "another-coin", ["bad_id"]),
    ("id", "'; DROP TABLE coins; --", ["bad_id"]),
    ("id", {"$ne": None}, ["bad_id"]),
    ("rank", None, ["rank_missing"]),
    ("rank", "0", ["rank_malformed"]),
    ("rank", "-1", ["rank_malformed"]),
    ("rank", "1.5", ["rank_malformed"]),
    ("rank", "1000000000", ["rank_malformed"]),
    ("rank", "12345678901", ["rank_malformed"]),
    ("rank", "1\n", ["rank_malformed"]),
    ("symbol", None, ["symbol_missing"]),
    ("symbol", "", ["symbol_missing"]),
    ("name", ABSENT, ["name_missing"]),
    ("symbol", "a\x00b", ["bad_text"]),
    ("name", "\x00", ["bad_text"]),
    ("explorer", "http://\x00", ["bad_text"]),
]

# A payload field, its value, the column and the column's expected value.
GOOD_VALUES: list[tuple[str, Any, str, Any]] = [
    ("rank", "999999999", "rank", 999_999_999),
    ("volumeUsd24Hr", "0", "volume_usd_24h", Decimal(0)),
    ("volumeUsd24Hr", "-0", "volume_usd_24h", Decimal(0)),
    ("volumeUsd24Hr", "1e-18", "volume_usd_24h", Decimal("1E-18")),
    ("volumeUsd24Hr", 1.5, "volume_usd_24h", Decimal("1.5")),
    ("volumeUsd24Hr", 1e-7, "volume_usd_24h", Decimal("1E-7")),
    # Java 17 would turn this number into the double 59797935293018336.
    ("volumeUsd24Hr", 59797935293018340.0, "volume_usd_24h", Decimal(59797935293018340)),
    ("volumeUsd24Hr", 12345678901234567890, "volume_usd_24h", Decimal(12345678901234567890)),
    *(
        ("volumeUsd24Hr", ExactNumber(text), "volume_usd_24h", Decimal(text))
        for text in ("0.123456789012345678", "12345678901234567890.123456789012345678")
    ),
    ("volumeUsd24Hr", None, "volume_usd_24h", None),
    ("marketCapUsd", None, "market_cap_usd", None),
    ("marketCapUsd", "15.00001", "market_cap_usd", Decimal("15.00001")),
    ("maxSupply", None, "max_supply", None),
    ("maxSupply", "10.0", "max_supply", Decimal(10)),
    ("maxSupply", "9.999999995", "max_supply", Decimal("9.999999995")),
    ("changePercent24Hr", "-100", "change_pct_24h", Decimal(-100)),
    ("changePercent24Hr", "0.12345678901234567", "change_pct_24h", Decimal("0.12345678901234567")),
    ("vwap24Hr", "0.00012345678901234567", "vwap_usd_24h", Decimal("0.000123456789012346")),
    ("changePercent24Hr", "-3.3e-21", "change_pct_24h", Decimal(0)),
    ("vwap24Hr", "3.3e-21", "vwap_usd_24h", Decimal(0)),
    ("vwap24Hr", "5e-19", "vwap_usd_24h", Decimal("1E-18")),
    ("rank", "1", "rank", 1),
    ("rank", 7, "rank", 7),
    ("explorer", None, "explorer", None),
    ("name", "x" * 10_000, "name", "x" * 10_000),
    ("name", "'; DROP TABLE coins; --", "name", "'; DROP TABLE coins; --"),
    ("name", "\u202e🚀\ud83d\ude80", "name", "\u202e🚀🚀"),
    ("tokens", {"a.b": [{"$set": 1}]}, "price_usd", Decimal("1.5")),
]


def case_rows(number: int, field: str, value: Any) -> list[Row]:
    """Return a coin with the value, and a good coin so that the snapshot counts as reliable."""
    return [
        raw_row("bitcoin", number, coin={field: value}, coins_asked=2),
        raw_row("companion", number, coins_asked=2),
    ]


@pytest.fixture(scope="module")
def judged() -> dict[str, Row]:
    """All cases by raw_id, each in a separate snapshot, judged together."""
    values = [(f, v) for f, v, _ in FAULTS] + [(f, v) for f, v, _, _ in GOOD_VALUES]
    rows = [row for n, (field, v) in enumerate(values) for row in case_rows(n, field, v)]
    return {row["raw_id"]: row for row in judge_prices(raw_table(rows)).to_pylist()}


def name_of(value: Any) -> str:
    """Return a short test id."""
    return "absent" if value is ABSENT else ascii(value)[:40]


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda n: name_of(FAULTS[n][:2]))
def test_a_fault_is_quarantined_with_exactly_its_reasons(
    judged: dict[str, Row], number: int
) -> None:
    """The quarantine shows all rules that the fault breaks, and no other rules."""
    *_, reasons = FAULTS[number]

    row = judged[f"bitcoin@{number}"]

    assert reasons == row["reasons"]
    assert "quarantined" == row["outcome"]


@pytest.mark.parametrize(
    "number", range(len(GOOD_VALUES)), ids=lambda n: name_of(GOOD_VALUES[n][:2])
)
def test_a_good_value_is_kept_exactly(judged: dict[str, Row], number: int) -> None:
    """A volume of zero is valid, `maxSupply` may be null, and JSON numbers are accepted."""
    *_, column, value = GOOD_VALUES[number]

    row = judged[f"bitcoin@{len(FAULTS) + number}"]

    assert [] == row["reasons"]
    assert value == row[column]


def test_a_fault_does_not_affect_other_coins(judged: dict[str, Row]) -> None:
    """Only the bad coin's row is quarantined, not the whole snapshot."""
    outcomes = {row["outcome"] for key, row in judged.items() if key.startswith("companion")}

    assert {"valid"} == outcomes


def test_every_reason_code_is_tested_and_explained(judged: dict[str, Row]) -> None:
    """A code that no case produces would belong to an untested rule."""
    of_snapshots = {
        *("snapshot_incomplete", "snapshot_unreliable"),
        *("foreign_document", "contradictory_answer"),
    }

    produced = {reason for row in judged.values() for reason in row["reasons"]}
    # The tests for history assert each of these reasons.
    of_history = {reason for _, reasons in history.CASES.values() for reason in reasons}

    assert set(REASONS) - of_snapshots == produced | of_history - of_snapshots


def test_an_unreadable_number_is_null(judged: dict[str, Row]) -> None:
    """The number becomes neither 0 nor a rounded value; the payload still contains its text."""
    number = next(n for n, case in enumerate(FAULTS) if case[:2] == ("volumeUsd24Hr", "0x10"))

    row = judged[f"bitcoin@{number}"]

    assert row["volume_usd_24h"] is None
    assert '"0x10"' in row["payload"]


def test_an_invalid_rank_is_kept_if_it_is_an_integer() -> None:
    """The quarantine shows what was sent, as far as an integer column can."""
    texts = ["12", "0", "-5", "007", str(2**31), "first", None]

    assert [12, 0, -5, 7, None, None, None] == ranks(pa.array(texts)).to_pylist()
