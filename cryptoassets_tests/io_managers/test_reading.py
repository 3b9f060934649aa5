"""Marts map old slugs to current ones, read snapshots or history, and fail if both are missing."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.assets.marts import coin_aliases
from cryptoassets.assets.marts import coin_daily as coin_daily_asset
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.partitions.policies import DAILY, HOURLY
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, COIN_PRICES
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import PRICES, write
from cryptoassets_tests.io_managers.rows import HOUR, NEXT_HOUR, judged, judged_row, start_of

pytestmark = [pytest.mark.spark, pytest.mark.postgres]

HISTORY = dg.AssetKey(["warehouse", "coin_price_history"])
DAY = HOUR[:10]
FIGURES = (
    "SELECT coin_id, day::text, open, close, observations FROM marts.coin_daily ORDER BY coin_id"
)


def make_day(postgres_io_manager: PostgresIOManager) -> dg.ExecuteInProcessResult:
    """Materialize the day's figures from the warehouse."""
    from_warehouse = {"dagster/io_manager_key": "postgres_io_manager"}
    return dg.materialize(
        [
            coin_daily_asset,
            coin_aliases,
            dg.AssetSpec(PRICES, partitions_def=HOURLY, metadata=from_warehouse),
            dg.AssetSpec(HISTORY, partitions_def=DAILY, metadata=from_warehouse),
        ],
        partition_key=DAY,
        resources={"postgres_io_manager": postgres_io_manager},
        raise_on_error=False,
    )


def point(coin_id: str, hours: int, usd: int) -> dict[str, Any]:
    """A valid row of `clean/coin_price_history`, the given number of hours after midnight."""
    at = start_of(DAY) + timedelta(hours=hours)
    row = judged_row(coin_id, observed_at=at, price_usd=Decimal(usd), interval="h1")
    return {name: row.get(name) for name in CLEAN_COIN_PRICE_HISTORY.column_names}


def test_a_day_is_computed_from_the_existing_hours(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Later hours of today do not exist yet, and earlier days may not exist either."""
    times = [start_of(HOUR) + timedelta(minutes=5 * number) for number in range(3)]
    prices = [
        judged_row(observed_at=time, price_usd=Decimal(n + 1)) for n, time in enumerate(times)
    ]
    write(postgres_io_manager, PRICES, HOUR, judged(*prices))
    warehouse.ask(database, "DELETE FROM warehouse.coin_aliases RETURNING alias")

    assert make_day(postgres_io_manager).success

    assert [("bitcoin", "2026-10-31", 1, 3, 3)] == warehouse.ask(database, FIGURES)


def test_a_day_without_snapshots_is_computed_from_history(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The user has added an alias; the history has prices under the old slug, too."""
    warehouse.ask(
        database, "INSERT INTO warehouse.coin_aliases VALUES ('old-btc', 'bitcoin') RETURNING alias"
    )
    rows = [point("bitcoin", 1, 7), point("old-btc", 2, 8), point("ripple", 3, 2)]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(CLEAN_COIN_PRICE_HISTORY))
    write(postgres_io_manager, HISTORY, DAY, table)

    assert make_day(postgres_io_manager).success

    expected = [("bitcoin", DAY, 7, 8, 2), ("xrp", DAY, 2, 2, 1)]
    assert expected == warehouse.ask(database, FIGURES)


def test_a_day_without_snapshots_or_history_fails_with_a_remedy(
    postgres_io_manager: PostgresIOManager,
) -> None:
    """The day must not be published as empty."""
    result = make_day(postgres_io_manager)

    (event,) = [event for event in result.all_events if event.is_step_failure]
    message = event.step_failure_data.user_failure_data.description
    assert "warehouse/coin_prices has no rows for" in message
    assert "A retry will not help; first materialize warehouse/coin_prices for" in message
    assert "or fetch warehouse/coin_price_history, which has no rows either" in message


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, len(COIN_PRICES.columns)),
        ({"columns": ["price_usd", "coin_id"]}, 2),
    ],
)
def test_an_input_has_the_columns_in_its_metadata(
    postgres_io_manager: PostgresIOManager, metadata: dict[str, Any], expected: int
) -> None:
    """The other columns are not read from PostgreSQL; a mart of many rows needs few columns.

    Only the partition's rows are read, even if the partition column is not among the columns.
    """
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(price_usd=Decimal(7))))
    later = judged_row(observed_at=start_of(NEXT_HOUR), price_usd=Decimal(8))
    write(postgres_io_manager, PRICES, NEXT_HOUR, judged(later))

    result, seen = read_prices(postgres_io_manager, metadata)

    assert result.success
    (rows,) = seen
    assert (1, expected) == (rows.num_rows, rows.num_columns)
    assert ["bitcoin", Decimal(7)] == [rows[name][0].as_py() for name in ("coin_id", "price_usd")]


@pytest.mark.parametrize("columns", [["coin_id", "prise"], "coin_id", []], ids=str)
def test_wrong_columns_in_the_metadata_fail_without_retry(
    postgres_io_manager: PostgresIOManager, columns: Any
) -> None:
    """A misspelt column is an error in the code of the asset."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))

    result, seen = read_prices(postgres_io_manager, {"columns": columns})

    assert not seen
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert (
        "The metadata 'columns' of an input must be a list of columns of warehouse.coin_prices, "
        f"not {columns!r}. A retry will not help; correct the input"
    ) in event.step_failure_data.user_failure_data.description


def read_prices(
    postgres_io_manager: PostgresIOManager, metadata: dict[str, Any]
) -> tuple[dg.ExecuteInProcessResult, list[pa.Table]]:
    """Materialize an asset whose input has this metadata; return what the input contained."""
    seen = []

    @dg.asset(ins={"prices": dg.AssetIn(key=PRICES, metadata=metadata)}, partitions_def=HOURLY)
    def reader(prices: pa.Table) -> None:
        seen.append(prices)

    from_warehouse = {"dagster/io_manager_key": "postgres_io_manager"}
    result = dg.materialize(
        [reader, dg.AssetSpec(PRICES, partitions_def=HOURLY, metadata=from_warehouse)],
        partition_key=HOUR,
        resources={"postgres_io_manager": postgres_io_manager},
        raise_on_error=False,
    )
    return result, seen
