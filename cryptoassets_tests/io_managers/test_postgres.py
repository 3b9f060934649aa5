"""Publishing prices: no document is lost, reruns are idempotent, unchanged rows are not written."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import (
    PRICES,
    logged,
    materializations,
    read,
    write,
)
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    NEXT_HOUR,
    broken_row,
    judged,
    judged_coins,
    judged_row,
    start_of,
)

pytestmark = pytest.mark.postgres
SUPERSEDED = {"outcome": "superseded", "raw_id": "earlier response"}


def test_the_ledger_counts_every_raw_document_once(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Raw = loaded + quarantined + superseded."""
    rows = judged(judged_row(), judged_row(**SUPERSEDED), broken_row(), broken_row("worse"))

    context = write(postgres_io_manager, PRICES, HOUR, rows)

    assert [(HOUR, 4, 1, 2, 1)] == warehouse.ledger(database)
    assert (4, 1, 2, 1) == tuple(
        logged(context)[f"{name} rows"] for name in ("raw", "loaded", "quarantined", "superseded")
    )


def test_quarantine_keeps_every_reason_and_the_payload(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Reasons and payload show why a document was refused; `requeue` selects by reason."""
    row = broken_row(reasons=["price_usd_missing", "rank_missing"], payload='{"id": "\\u0000"}')

    context = write(postgres_io_manager, PRICES, HOUR, judged(row))

    query = "SELECT asset, partition_key, reasons, payload, first_seen_at, run_id "
    found = warehouse.ask(database, query + "FROM warehouse.quarantine")
    key = ("warehouse/coin_prices", HOUR)
    assert [(*key, row["reasons"], row["payload"], row["fetched_at"], "run")] == found
    facts = materializations(context)["warehouse/quarantine", HOUR]
    assert {"price_usd_missing": 1, "rank_missing": 1} == facts["reasons"]
    assert 1 == facts["dagster/partition_row_count"]


def test_a_rerun_rewrites_nothing(postgres_io_manager: PostgresIOManager, database: str) -> None:
    """The current hour is published twelve times, and rewriting rows would cause bloat and WAL."""
    rows = judged(judged_row(), broken_row())
    write(postgres_io_manager, PRICES, HOUR, rows, run_id="first")
    before, dump = warehouse.versions(database), warehouse.dump(database)

    context = write(postgres_io_manager, PRICES, HOUR, rows, run_id="second")

    assert before == warehouse.versions(database)
    assert dump == warehouse.dump(database)
    assert (0, 0) == (logged(context)["rows written"], logged(context)["rows removed"])
    assert [("second",)] == warehouse.ask(database, "SELECT run_id FROM warehouse.loads")


@pytest.mark.parametrize(
    "change", [{"price_usd": Decimal("1.6")}, {"volume_usd_24h": Decimal(0)}, {"rank": 2}], ids=str
)
def test_only_rows_that_differ_are_rewritten(
    postgres_io_manager: PostgresIOManager, database: str, change: dict[str, Any]
) -> None:
    """Replacing NULL with a value counts as a difference, too."""
    others = [judged_row("ethereum"), judged_row("ripple")]
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), *others))
    before = warehouse.versions(database)

    context = write(postgres_io_manager, PRICES, HOUR, judged(judged_row(**change), *others))

    after = warehouse.versions(database)
    assert {judged_row()["raw_id"]} == {key for key in before if before[key] != after[key]}
    assert 1 == logged(context)["rows written"]


def test_rows_that_are_no_longer_valid_are_removed(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """After a rule change, a document must not be both in the table and in quarantine."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), judged_row("ripple")))

    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), broken_row("ripple")))

    assert [("bitcoin",)] == warehouse.ask(database, "SELECT coin_id FROM warehouse.coin_prices")
    assert [(HOUR, 2, 1, 1, 0)] == warehouse.ledger(database)


def test_each_release_from_quarantine_is_recorded_once(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The record explains why a price appeared later: a rule was fixed."""
    fetched_later = {"fetched_at": start_of(HOUR) + timedelta(minutes=1)}
    refused = [broken_row("ripple"), broken_row("tron"), broken_row("nem")]
    write(postgres_io_manager, PRICES, HOUR, judged(*refused), run_id="first")
    superseded = judged_row("tron", outcome="superseded")
    newer = judged_row("tron", raw_id="newer", **fetched_later)
    fixed = judged(judged_row("ripple"), superseded, newer, broken_row("nem"))

    contexts = [
        write(postgres_io_manager, PRICES, HOUR, fixed, run_id=run) for run in ("second", "third")
    ]

    assert [2, 0] == [logged(context)["documents released"] for context in contexts]
    trail = warehouse.ask(
        database,
        "SELECT split_part(raw_id, '@', 1), partition_key, reasons, first_seen_at, outcome, run_id "
        "FROM warehouse.quarantine_releases ORDER BY 1",
    )
    row = broken_row("ripple")
    common = (HOUR, row["reasons"], row["fetched_at"])
    assert [
        ("ripple", *common, "loaded", "second"),
        ("tron", *common, "superseded", "second"),
    ] == trail
    assert [(HOUR, 4, 2, 1, 1)] == warehouse.ledger(database)


def test_quarantine_of_a_partition_is_replaced(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Rows that pass today's rules leave the quarantine; other hours are not changed."""
    write(postgres_io_manager, PRICES, NEXT_HOUR, judged(broken_row("other", NEXT_HOUR)))
    write(postgres_io_manager, PRICES, HOUR, judged(broken_row("a"), broken_row("b")))

    again = judged(judged_row("a"), broken_row("b", reasons=["bad_id"]))
    write(postgres_io_manager, PRICES, HOUR, again)

    query = "SELECT partition_key, reasons FROM warehouse.quarantine ORDER BY 1"
    expected = [(HOUR, ["bad_id"]), (NEXT_HOUR, ["price_usd_missing"])]
    assert expected == warehouse.ask(database, query)


def test_a_quarantined_document_moves_to_the_published_partition(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """If the quarantine has the document under another partition, publishing must not fail."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), broken_row()))
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE warehouse.quarantine SET partition_key = '2026-01-01-00:00'")

    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), broken_row()))

    query = "SELECT partition_key FROM warehouse.quarantine"
    assert [(HOUR,)] == warehouse.ask(database, query)


def test_an_older_view_publishes_nothing_and_reports_it(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """If two runs process an hour, the run that read fewer documents (older view) may end last."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(3)))
    before = warehouse.dump(database)

    context = write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), broken_row()))

    assert before == warehouse.dump(database)
    assert not logged(context)["published"]
    assert 3 == logged(context)["dagster/partition_row_count"]
    assert {} == materializations(context)


def test_an_hour_with_only_quarantined_rows_is_empty_not_missing(
    postgres_io_manager: PostgresIOManager,
) -> None:
    """Marts of the day must not fail as if the hour were missing."""
    write(postgres_io_manager, PRICES, HOUR, judged(broken_row()))

    assert 0 == read(postgres_io_manager, PRICES, HOUR, pa.Table).num_rows


def test_month_partitions_are_created_before_their_first_rows(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The next month's partition is created in advance."""
    for hour in (NEXT_HOUR, HOUR):
        write(postgres_io_manager, PRICES, hour, judged_coins(hour, range(1)))

    names = [f"warehouse.coin_prices_2026_{month}" for month in (10, 11, 12)]
    assert names == warehouse.months(database)
    assert ["coin-0"] == read(postgres_io_manager, PRICES, HOUR, pa.Table)["coin_id"].to_pylist()


@pytest.mark.spark
def test_a_dataframe_and_an_arrow_table_publish_the_same_rows(
    postgres_io_manager: PostgresIOManager, spark: SparkResource, database: str
) -> None:
    """Assets may return either type."""
    exact = {"supply": Decimal("99999999999999999999.999999999999999999")}
    rows = judged(judged_row(**exact), judged_row(**SUPERSEDED), broken_row())
    write(postgres_io_manager, PRICES, HOUR, rows)
    before = warehouse.versions(database)

    write(postgres_io_manager, PRICES, HOUR, spark.session.createDataFrame(rows))

    assert before == warehouse.versions(database)
    loaded = read(postgres_io_manager, PRICES, HOUR, pa.Table)
    assert [exact["supply"]] == loaded["supply"].to_pylist()
