"""Judged history contains every raw point once, with exact amounts and all reasons."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cryptoassets.coincap.lossless import ExactNumber
from cryptoassets.coincap.protocol import iso_milliseconds
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, RAW_COIN_HISTORY
from cryptoassets.transforms.history import judge_history
from cryptoassets_tests.transforms.snapshots import ABSENT, raw_table

T0 = datetime(2026, 11, 22, 9, tzinfo=UTC)
Row = dict[str, Any]

CASES: dict[str, tuple[Row, list[str]]] = {
    "good": ({}, []),
    "v2": ({"point": {"priceUsd": "23097.7615219387968062"}}, []),
    "no supply": ({"point": {"circulatingSupply": ABSENT}}, []),
    "no date": ({"point": {"date": ABSENT}}, []),
    "unquoted": ({"point": {"priceUsd": ExactNumber("0.123456789012345678")}}, []),
    "unquoted and odd": (
        {"point": {"priceUsd": ExactNumber("0." + "1" * 19)}},
        ["price_usd_inexact"],
    ),
    "null price": ({"point": {"priceUsd": None}}, ["price_usd_missing"]),
    "zero price": ({"point": {"priceUsd": "0"}}, ["price_usd_not_positive"]),
    "text price": ({"point": {"priceUsd": "NaN"}}, ["price_usd_malformed"]),
    "fine price": ({"point": {"priceUsd": "1.1234567890123456789"}}, ["price_usd_inexact"]),
    "bad supply": ({"point": {"circulatingSupply": "many"}}, ["circulating_supply_malformed"]),
    "huge supply": ({"point": {"circulatingSupply": "1e30"}}, ["circulating_supply_overflow"]),
    "tiny supply": ({"point": {"circulatingSupply": "1e-30"}}, ["circulating_supply_underflow"]),
    "fine supply": (
        {"point": {"circulatingSupply": "1.1234567890123456789"}},
        ["circulating_supply_inexact"],
    ),
    "negative": ({"point": {"circulatingSupply": "-1"}}, ["circulating_supply_negative"]),
    "other date": ({"point": {"date": "2026-11-22T09:00:01.000Z"}}, ["time_mismatch"]),
    "odd date": ({"point": {"date": "yesterday"}}, ["time_mismatch"]),
    "other time": ({"point": {"time": 1795424400000}}, ["time_mismatch"]),
    "null time": ({"point": {"time": None}}, ["time_mismatch"]),
    "no time": ({"point": {"time": ABSENT}}, ["time_mismatch"]),
    "another offset": ({"point": {"date": "2026-11-22T10:00:00+01:00"}}, []),
    "off grid": ({"observed_at": T0 + timedelta(minutes=1)}, ["off_grid"]),
    "on its grid": ({"interval": "m1", "observed_at": T0 + timedelta(minutes=1)}, []),
    "interval": ({"interval": "h3"}, ["interval_unknown"]),
    "slug": ({"coin_id": "Bit Coin"}, ["bad_id"]),
    "foreign": ({"is_foreign": True, "payload": "{}"}, ["foreign_document"]),
    "two": (
        {"interval": "x", "point": {"priceUsd": "-1"}},
        ["interval_unknown", "price_usd_not_positive"],
    ),
}


def raw_row(name: str, **changes: Any) -> Row:
    """Return a good raw row of a coin with this name; `point` changes its payload."""
    observed_at = changes.get("observed_at", T0)
    point = {
        "priceUsd": "1.5",
        "time": int(observed_at.timestamp() * 1000),
        "date": iso_milliseconds(observed_at),
        "circulatingSupply": "21.0",
    } | changes.pop("point", {})
    present = {key: value for key, value in point.items() if value is not ABSENT}
    return {
        "raw_id": name,
        "coin_id": name.replace(" ", "-"),
        "interval": "h1",
        "observed_at": observed_at,
        "fetched_at": T0 + timedelta(days=1),
        "source": "simulator",
        "payload": json.dumps(present),
        "is_foreign": False,
    } | changes


@pytest.fixture(scope="module")
def judged() -> pa.Table:
    """All cases, plus two points with several responses, judged in one table."""
    rows = [raw_row(name, **changes) for name, (changes, _) in CASES.items()]
    responses = [
        raw_row(f"response {number}", coin_id="again", fetched_at=T0 + timedelta(hours=number))
        for number in (1, 3, 2)
    ]
    responses += [
        raw_row(f"at once {price}", coin_id="twice", point={"priceUsd": price})
        for price in ("1.5", "9.9")
    ]
    broken = raw_row("response 4", coin_id="again", point={"priceUsd": "x"})
    return judge_history(raw_table([*rows, *responses, broken], RAW_COIN_HISTORY))


def row_of(judged: pa.Table, name: str) -> Row:
    """Return the judged row of a case."""
    (row,) = [row for row in judged.to_pylist() if row["raw_id"] == name]
    return dict(row)


def test_every_point_is_returned_once_with_the_documented_columns(judged: pa.Table) -> None:
    """Broken points are returned, too."""
    assert len(CASES) + 6 == judged.num_rows
    assert list(CLEAN_COIN_PRICE_HISTORY.column_names) == judged.column_names


@pytest.mark.parametrize("name", CASES)
def test_a_point_has_every_reason_and_its_outcome(judged: pa.Table, name: str) -> None:
    """A point with a reason is quarantined; a point without reasons is valid."""
    reasons = CASES[name][1]

    row = row_of(judged, name)

    assert reasons == row["reasons"]
    assert ("quarantined" if reasons else "valid") == row["outcome"]


def test_amounts_are_exactly_the_decimals_of_the_source(judged: pa.Table) -> None:
    """CoinCap v2 sends 16 decimal places, and all of them are kept."""
    row = row_of(judged, "v2")
    assert Decimal("0.123456789012345678") == row_of(judged, "unquoted")["price_usd"]

    assert Decimal("23097.7615219387968062") == row["price_usd"]
    assert Decimal(21) == row["circulating_supply"]
    assert row_of(judged, "no supply")["circulating_supply"] is None


def test_the_latest_good_response_for_a_point_is_valid(judged: pa.Table) -> None:
    """A broken response does not supersede a good one, even if it is fetched later."""
    outcomes = {f"response {n}": row_of(judged, f"response {n}")["outcome"] for n in (1, 2, 3, 4)}

    assert {
        "response 1": "superseded",
        "response 2": "superseded",
        "response 3": "valid",
        "response 4": "quarantined",
    } == outcomes


def test_two_prices_for_one_time_in_one_response_are_quarantined(judged: pa.Table) -> None:
    """The response has the prices 1.5 and 9.9 for the same hour, so neither is published."""
    rows = [row_of(judged, f"at once {price}") for price in ("1.5", "9.9")]

    assert [["contradictory_answer"]] * 2 == [row["reasons"] for row in rows]
    assert ["quarantined"] * 2 == [row["outcome"] for row in rows]
