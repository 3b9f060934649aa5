"""Promises of the warehouse: conserved, idempotent, never older, never mixed."""

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import (
    COIN_DAILY,
    COINS,
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
    coin,
    daily_coins,
    judged,
    judged_coins,
    judged_row,
    seen_coin,
    start_of,
)

pytestmark = pytest.mark.postgres

SUPERSEDED = {"outcome": "superseded", "raw_id": "earlier answer"}
INJECTION = "'); DROP TABLE warehouse.coin_prices; --"


def test_every_raw_document_is_in_the_ledger_once(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Raw is loaded + quarantined + superseded, always."""
    rows = judged(judged_row(), judged_row(**SUPERSEDED), broken_row(), broken_row("worse"))

    context = write(postgres_io_manager, PRICES, HOUR, rows)

    assert [(HOUR, 4, 1, 2, 1)] == warehouse.ledger(database)
    assert (4, 1, 2, 1) == tuple(
        logged(context)[f"{name} rows"] for name in ("raw", "loaded", "quarantined", "superseded")
    )


def test_quarantine_keeps_every_reason_and_the_payload(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Whoever mends a rule must see what it hit; `requeue` reads it from there."""
    row = broken_row(reasons=["price_usd_missing", "rank_missing"], payload='{"id": "\\u0000"}')

    context = write(postgres_io_manager, PRICES, HOUR, judged(row))

    query = "SELECT asset, partition_key, reasons, payload, first_seen_at, run_id "
    found = warehouse.ask(database, query + "FROM warehouse.quarantine")
    key = ("warehouse/coin_prices", HOUR)
    assert [(*key, row["reasons"], row["payload"], row["fetched_at"], "run")] == found
    said = materializations(context)["warehouse/quarantine", HOUR]
    assert {"price_usd_missing": 1, "rank_missing": 1} == said["reasons"]
    assert 1 == said["dagster/partition_row_count"]


def test_a_rerun_rewrites_nothing(postgres_io_manager: PostgresIOManager, database: str) -> None:
    """An open hour is published twelve times; each rewrite would be bloat and WAL."""
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
    """NULL against a value is a difference too."""
    others = [judged_row("ethereum"), judged_row("ripple")]
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), *others))
    before = warehouse.versions(database)

    context = write(postgres_io_manager, PRICES, HOUR, judged(judged_row(**change), *others))

    after = warehouse.versions(database)
    assert {judged_row()["raw_id"]} == {key for key in before if before[key] != after[key]}
    assert 1 == logged(context)["rows written"]


def test_rows_that_vanished_are_removed(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """A rule was mended: what was valid is quarantined, and not in both places."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), judged_row("ripple")))

    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), broken_row("ripple")))

    assert [("bitcoin",)] == warehouse.ask(database, "SELECT coin_id FROM warehouse.coin_prices")
    assert [(HOUR, 2, 1, 1, 0)] == warehouse.ledger(database)


def test_what_leaves_the_quarantine_leaves_a_trail_once(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Whoever asks why a price appeared a week late finds the rule that was mended."""
    was_later = {"fetched_at": start_of(HOUR) + timedelta(minutes=1)}
    refused = [broken_row("ripple"), broken_row("tron"), broken_row("nem")]
    write(postgres_io_manager, PRICES, HOUR, judged(*refused), run_id="first")
    superseded = judged_row("tron", outcome="superseded")
    newer = judged_row("tron", raw_id="newer", **was_later)
    mended = judged(judged_row("ripple"), superseded, newer, broken_row("nem"))

    contexts = [
        write(postgres_io_manager, PRICES, HOUR, mended, run_id=run) for run in ("second", "third")
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
    """What passes today's rules leaves quarantine; its neighbour hour's stays."""
    write(postgres_io_manager, PRICES, NEXT_HOUR, judged(broken_row("other", NEXT_HOUR)))
    write(postgres_io_manager, PRICES, HOUR, judged(broken_row("a"), broken_row("b")))

    again = judged(judged_row("a"), broken_row("b", reasons=["bad_id"]))
    write(postgres_io_manager, PRICES, HOUR, again)

    query = "SELECT partition_key, reasons FROM warehouse.quarantine ORDER BY 1"
    expected = [(HOUR, ["bad_id"]), (NEXT_HOUR, ["price_usd_missing"])]
    assert expected == warehouse.ask(database, query)


def test_an_older_view_publishes_nothing_and_says_so(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Of two runs of an hour the one that read less of raw may end last."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(3)))
    before = warehouse.dump(database)

    context = write(postgres_io_manager, PRICES, HOUR, judged(judged_row(), broken_row()))

    assert before == warehouse.dump(database)
    assert not logged(context)["published"]
    assert 3 == logged(context)["dagster/partition_row_count"]
    assert {} == materializations(context)


def test_an_hour_of_quarantine_alone_is_empty_not_missing(
    postgres_io_manager: PostgresIOManager,
) -> None:
    """A snapshot cut to 30 of 100 coins must not break the day's mart with a wrong remedy."""
    write(postgres_io_manager, PRICES, HOUR, judged(broken_row()))

    assert 0 == read(postgres_io_manager, PRICES, HOUR, pa.Table).num_rows


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([judged_row(raw_id="a"), judged_row(raw_id="b")], "doubled keys"),
        ([judged_row(raw_id="a"), judged_row("ripple", raw_id="a")], "doubled keys"),
        ([judged_row(coin_id=None)], "null values"),
        ([judged_row(outcome="lost")], "no known outcome"),
        ([broken_row(reasons=[])], "without a reason"),
        ([judged_row(reasons=["bad_id"])], "loaded with one"),
    ],
    ids=["key", "raw_id", "null", "outcome", "unexplained", "loaded"],
)
def test_what_breaks_the_contract_is_not_published(
    postgres_io_manager: PostgresIOManager, database: str, rows: list[Any], problem: str
) -> None:
    """Checks may be off or new; the store itself refuses."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))
    before = warehouse.dump(database)

    with pytest.raises(dg.Failure, match=f"{problem}.*Nothing was published") as caught:
        write(postgres_io_manager, PRICES, HOUR, judged(*rows))

    assert not caught.value.allow_retries
    assert before == warehouse.dump(database)


def test_a_row_the_database_refuses_leaves_everything_as_it_was(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The last guard is the table's own; the first row of the batch must not stay behind."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))
    before = warehouse.dump(database)

    with pytest.raises(dg.Failure, match="price_usd"):
        write(
            postgres_io_manager, PRICES, HOUR, judged(judged_row("a"), judged_row(price_usd=None))
        )

    assert before == warehouse.dump(database)


@pytest.mark.parametrize(("there", "coming"), [("coincap", "simulator"), ("replay", "coincap")])
def test_real_prices_and_others_never_meet(
    postgres_io_manager: PostgresIOManager, database: str, there: str, coming: str
) -> None:
    """The lake may be a new one while POSTGRES_URL still names the old warehouse."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(source=there)))
    before = warehouse.dump(database)
    next_hour = judged(judged_row(partition=NEXT_HOUR, source=coming))

    with pytest.raises(dg.Failure, match="set POSTGRES_URL and MONGO_URL") as caught:
        write(postgres_io_manager, PRICES, NEXT_HOUR, next_hour)

    assert not caught.value.allow_retries
    assert before == warehouse.dump(database)


def test_months_are_made_before_their_first_rows_come(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Nobody is awake at the turn of a month in UTC; the next one stands ahead of time."""
    for hour in (NEXT_HOUR, HOUR):
        write(postgres_io_manager, PRICES, hour, judged_coins(hour, range(1)))

    names = [f"warehouse.coin_prices_2026_{month}" for month in (10, 11, 12)]
    assert names == warehouse.months(database)
    assert ["coin-0"] == read(postgres_io_manager, PRICES, HOUR, pa.Table)["coin_id"].to_pylist()


@pytest.mark.spark
def test_ids_that_no_index_holds_land_in_quarantine(
    postgres_io_manager: PostgresIOManager, spark: SparkResource, database: str
) -> None:
    """A slug of 10 kB or with a NUL must not stop the other coins, nor meet its like."""
    long = [f"{'x' * 5_000}{number}{'y' * 5_000}" for number in (1, 2)]
    ids = [*long, "nul\x00id", INJECTION, "🚀" * 600]
    rows = judged(judged_row(), *(broken_row(raw_id=raw_id, coin_id=raw_id) for raw_id in ids))

    write(postgres_io_manager, PRICES, HOUR, spark.session.createDataFrame(rows))

    found = [row for (row,) in warehouse.ask(database, "SELECT raw_id FROM warehouse.quarantine")]
    assert [(HOUR, 6, 1, 5, 0)] == warehouse.ledger(database)
    assert {"nul\\u0000id", INJECTION, "🚀" * 600} < set(found)
    assert 600 == max(map(len, found))


@pytest.mark.spark
def test_a_dataframe_and_an_arrow_table_publish_the_same(
    postgres_io_manager: PostgresIOManager, spark: SparkResource, database: str
) -> None:
    """Assets return either."""
    exact = {"supply": Decimal("99999999999999999999.999999999999999999")}
    rows = judged(judged_row(**exact), judged_row(**SUPERSEDED), broken_row())
    write(postgres_io_manager, PRICES, HOUR, rows)
    before = warehouse.versions(database)

    write(postgres_io_manager, PRICES, HOUR, spark.session.createDataFrame(rows))

    assert before == warehouse.versions(database)
    loaded = read(postgres_io_manager, PRICES, HOUR, pa.Table)
    assert [exact["supply"]] == loaded["supply"].to_pylist()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_coins_are_the_same_whatever_hour_comes_first(
    postgres_io_manager: PostgresIOManager, database: str, order: tuple[int, ...]
) -> None:
    """A backfill runs backwards, a late hour comes last; the newest observation describes."""
    hours = ["2026-10-31-21:00", "2026-10-31-22:00", HOUR]
    for number in order:
        row = seen_coin("bitcoin", start_of(hours[number]), name=f"Name {number}", rank=number + 1)
        write(postgres_io_manager, COINS, hours[number], row)

    query = "SELECT name, rank, first_seen_at, last_seen_at FROM warehouse.coins"
    expected = ("Name 2", 3, start_of(hours[0]), start_of(hours[2]))
    assert [expected] == warehouse.ask(database, query)


def test_a_coin_of_an_older_hour_is_not_rewritten(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Nor is one that says the same as before."""
    for hour in ("2026-10-31-22:00", HOUR):
        write(postgres_io_manager, COINS, hour, seen_coin("bitcoin", start_of(hour)))
    query = "SELECT xmin::text, name FROM warehouse.coins"
    before = warehouse.ask(database, query)

    older = seen_coin("bitcoin", start_of("2026-10-31-22:00"), name="Old name")
    write(postgres_io_manager, COINS, "2026-10-31-22:00", older)
    write(postgres_io_manager, COINS, HOUR, seen_coin("bitcoin", start_of(HOUR)))

    assert before == warehouse.ask(database, query)


def test_a_day_of_a_mart_loses_the_rows_that_vanished(
    postgres_io_manager: PostgresIOManager,
) -> None:
    """Marts are figures of what stands in the warehouse now."""
    day, next_day = "2026-10-30", "2026-10-31"
    for key in (day, next_day):
        write(postgres_io_manager, COIN_DAILY, key, daily_coins(key, range(3)))

    context = write(postgres_io_manager, COIN_DAILY, day, daily_coins(day, range(1)))

    kept = [
        read(postgres_io_manager, COIN_DAILY, key, pa.Table).num_rows for key in (day, next_day)
    ]
    assert [1, 3] == kept
    assert (0, 2) == (logged(context)["rows written"], logged(context)["rows removed"])


@pytest.mark.parametrize(
    "name", [INJECTION, "", '"', "\\N", "a\r\nb", "🚀\u202e\u0627\u0633", "x" * 10_000]
)
def test_texts_of_a_coin_survive(
    postgres_io_manager: PostgresIOManager, database: str, name: str
) -> None:
    """Names are what strangers typed; none of them is SQL, CSV or NULL."""
    row = seen_coin(coin(1), start_of(HOUR), name=name, symbol=name, explorer=name)

    write(postgres_io_manager, COINS, HOUR, row)

    query = "SELECT name, symbol, explorer FROM warehouse.coins"
    assert [(name, name, name)] == warehouse.ask(database, query)
