"""Promise: the Arrow kernels judge as the Spark rules do, row for row and reason for reason."""

import json
import os
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from cryptoassets.schemas import (
    CLEAN_COIN_PRICE_HISTORY,
    CLEAN_COIN_PRICES,
    COINS,
    HISTORY_FLOW,
    RAW_COIN_HISTORY,
    RAW_COIN_SNAPSHOTS,
    SNAPSHOT_FLOW,
    Table,
)
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms import arrow_outcomes, outcomes
from cryptoassets.transforms.arrow_numbers import exact_decimals
from cryptoassets.transforms.arrow_rules import MARKET_CAP_TOLERANCE, SUPPLY_TOLERANCE
from cryptoassets.transforms.coins import merged, newest_of_coins
from cryptoassets.transforms.history import judged_history
from cryptoassets.transforms.judges import JUDGES
from cryptoassets.transforms.payloads import FIELDS, field_texts, kernel_schema
from cryptoassets.transforms.prices import coins_seen, judged_prices
from cryptoassets_tests.transforms import test_history, test_prices, test_rules
from cryptoassets_tests.transforms.pages import at_snapshot, drawn, points, snapshots
from cryptoassets_tests.transforms.snapshots import Row, raw_row

pytestmark = pytest.mark.spark

PAGES = int(os.environ.get("ORACLE_PAGES", "300"))


def by_spark(session: SparkSession, rows: list[Row], table: Table) -> pa.Table:
    """The rows as today's rules judge them."""
    raw = pa.Table.from_pylist(rows, schema=arrow_schema(table))
    judge = {RAW_COIN_SNAPSHOTS: judged_prices, RAW_COIN_HISTORY: judged_history}[table]
    return judge(session.createDataFrame(raw)).toArrow()


def kernel_input(rows: list[Row], table: Table) -> pa.Table:
    """The rows as a kernel takes them."""
    fields = FIELDS[table.name]

    def with_texts(row: Row) -> Row:
        payload = json.loads(row["payload"]) if row["payload"] else {}
        texts = field_texts(payload, fields)
        return row | {f"payload.{f}": text for f, text in zip(fields, texts, strict=True)}

    return pa.Table.from_pylist(list(map(with_texts, rows)), schema=kernel_schema(table))


def by_arrow(rows: list[Row], table: Table) -> pa.Table:
    """The rows as the kernel judges them."""
    return JUDGES[table.name](kernel_input(rows, table))


def is_near_a_limit(payload: str | None) -> bool:
    """Whether an amount lies within 1e-12 of what a tolerance allows."""
    coin = json.loads(payload or "{}")
    texts = field_texts(coin, ("priceUsd", "supply", "marketCapUsd", "maxSupply"))
    values, _ = exact_decimals(pa.array(texts, pa.string()))
    price, supply, cap, most = values.to_pylist()
    with localcontext(prec=100):
        limits: list[tuple[Decimal, Decimal]] = []
        if None not in (price, supply, cap):
            expected = price * supply
            limits += [(cap, expected * (1 + sign * MARKET_CAP_TOLERANCE)) for sign in (1, -1)]
        if None not in (supply, most):
            limits.append((supply, most * (1 + SUPPLY_TOLERANCE)))
        return any(abs(a - b) <= Decimal("1e-12") * abs(b) and a for a, b in limits)


def differences(ours: pa.Table, oracle: pa.Table) -> list[tuple[Any, ...]]:
    """What differs between two judgements."""
    one, other = ({row["raw_id"]: row for row in rows.to_pylist()} for rows in (ours, oracle))
    assert one.keys() == other.keys()
    assert len(one) == ours.num_rows == oracle.num_rows
    return [
        (raw_id, name, one[raw_id][name], row[name], row["payload"][:500])
        for raw_id, row in other.items()
        for name in row
        if one[raw_id][name] != row[name]
    ]


def assert_alike(session: SparkSession, rows: list[Row], table: Table) -> None:
    """Both judge the rows alike."""
    ours = by_arrow(rows, table)
    flow = {RAW_COIN_SNAPSHOTS: SNAPSHOT_FLOW, RAW_COIN_HISTORY: HISTORY_FLOW}[table]

    assert arrow_schema(flow.clean) == ours.schema
    found = differences(ours, by_spark(session, rows, table))
    assert not found, f"{len(found)}:\n" + "\n".join(ascii(entry) for entry in found[:20])


def test_pages_of_snapshots_are_judged_alike(session: SparkSession) -> None:
    """Every odd value, second answers, contradictions, foreign rows, odd snapshots."""
    pages = drawn(snapshots(), PAGES)
    pages = [page for page in pages if not any(is_near_a_limit(row["payload"]) for row in page)]
    rows = [row for number, page in enumerate(pages) for row in at_snapshot(page, number)]

    assert len(pages) > PAGES // 2
    assert_alike(session, rows, RAW_COIN_SNAPSHOTS)


def test_points_of_history_are_judged_alike(session: SparkSession) -> None:
    """Every odd value, date, time and interval."""
    pages = drawn(points(), PAGES)
    rows = [
        row
        | {
            "raw_id": f"{number}@{row['raw_id']}",
            # A page is a fetch of its own, but rivals of one point lie in one page.
            "coin_id": row["coin_id"] and f"{row['coin_id']}{number}",
        }
        for number, page in enumerate(pages)
        for row in page
    ]

    assert_alike(session, rows, RAW_COIN_HISTORY)


def test_the_rows_of_the_other_tests_are_judged_alike(session: SparkSession) -> None:
    """Whatever stands in the tables of cases."""
    values = [(f, v) for f, v, _ in test_rules.FAULTS]
    values += [(f, v) for f, v, _, _ in test_rules.GOOD_VALUES]
    cases = [
        row for n, (field, v) in enumerate(values) for row in test_rules.case_rows(n, field, v)
    ]

    assert_alike(session, cases, RAW_COIN_SNAPSHOTS)
    assert_alike(session, test_prices.ROWS, RAW_COIN_SNAPSHOTS)
    rows = [test_history.raw_row(name, **case) for name, (case, _) in test_history.CASES.items()]
    assert_alike(session, rows, RAW_COIN_HISTORY)


def test_recorded_answers_are_judged_alike(session: SparkSession) -> None:
    """Real pages of three years."""
    folder = os.environ.get("CRYPTOASSETS_SAMPLES")
    if not folder:
        pytest.skip("CRYPTOASSETS_SAMPLES is not set: no recorded answers to load")
    coins, points = [], []
    for number, page in enumerate(sorted(Path(folder).glob("v*/assets.json"))):
        data = json.loads(page.read_bytes())["data"]
        for coin in data:
            row = raw_row(coin["id"], number, coins_asked=len(data))
            coins.append(row | {"payload": json.dumps(coin, sort_keys=True)})
    for number, page in enumerate(sorted(Path(folder).glob("v*/history_*.json"))):
        for place, point in enumerate(json.loads(page.read_bytes())["data"]):
            at = test_history.T0.fromtimestamp(point["time"] / 1000, tz=test_history.UTC)
            interval = page.stem.rsplit("_", 1)[1]
            row = test_history.raw_row(f"{number} {place}", observed_at=at, interval=interval)
            points.append(row | {"payload": json.dumps(point), "coin_id": "bitcoin"})

    assert_alike(session, coins, RAW_COIN_SNAPSHOTS)
    assert_alike(session, points, RAW_COIN_HISTORY)


def test_coins_are_described_alike_in_parts_or_whole(session: SparkSession) -> None:
    """Each task describes what it has seen."""
    rows = [raw_row(f"coin-{n % 7}", n, coin={"name": f"{n}"}) for n in range(100)]
    rows += [raw_row("coin-3", n, coin={"priceUsd": None}) for n in range(100, 120)]
    judged = by_arrow(rows, RAW_COIN_SNAPSHOTS)

    parts = [newest_of_coins(judged.slice(n, 13)) for n in range(0, 120, 13)]
    whole = newest_of_coins(judged)
    oracle = coins_seen(session.createDataFrame(judged)).toArrow()

    def coins(found: pa.Table) -> list[Row]:
        return sorted(found.to_pylist(), key=lambda coin: str(coin["coin_id"]))

    assert arrow_schema(COINS) == whole.schema
    assert coins(oracle) == coins(whole)
    assert coins(oracle) == coins(merged(pa.concat_tables(reversed(parts))))
    assert 0 == newest_of_coins(judged.slice(0, 0)).num_rows


def test_a_publication_is_cut_alike(session: SparkSession) -> None:
    """Ids with NUL, long ones, and those of 600 characters."""
    ids = ["a", "\x00", "é" * 600, "é" * 601, "\x00" * 100 + "x", "\x00" * 101, "x" * 5000]
    rows = [
        *test_prices.ROWS,
        *(raw_row("bitcoin", 90 + n) | {"raw_id": i} for n, i in enumerate(ids)),
    ]
    judged = by_arrow(rows, RAW_COIN_SNAPSHOTS)

    ours = arrow_outcomes.publication(judged, SNAPSHOT_FLOW)
    oracle = outcomes.publication(session.createDataFrame(judged), SNAPSHOT_FLOW).toArrow()

    assert list(SNAPSHOT_FLOW.judged_columns) == ours.column_names
    assert sorted(map(str, oracle.select(ours.column_names).to_pylist())) == sorted(
        map(str, ours.to_pylist())
    )


@pytest.mark.parametrize("table", [RAW_COIN_SNAPSHOTS, RAW_COIN_HISTORY], ids=lambda t: t.name)
def test_nothing_is_judged_as_nothing(table: Table) -> None:
    """A partition without documents."""
    expected = {RAW_COIN_SNAPSHOTS: CLEAN_COIN_PRICES, RAW_COIN_HISTORY: CLEAN_COIN_PRICE_HISTORY}

    judged = by_arrow([], table)

    assert 0 == judged.num_rows
    assert arrow_schema(expected[table]) == judged.schema
