"""Documents that other programs write to the data lake do not stop any command that reads them.

Every query that commands send to MongoDB is tested with every BSON type in each field.
"""

from datetime import timedelta

import pytest
from bson import ObjectId

from cryptoassets.backfills.book import answered, coins_without_history, control_window, failures
from cryptoassets.backfills.gaps import detect_gaps
from cryptoassets.backfills.plan import coins_of_newest_snapshot
from cryptoassets.checks.places import raw_documents, raw_ids
from cryptoassets.errors import MixedSourcesError
from cryptoassets.operations.audit import audit_stores
from cryptoassets.operations.progress import Silent
from cryptoassets.operations.session import open_stores
from cryptoassets.operations.store_counts import store_counts
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow, Table
from cryptoassets.stores.expiry import restore_ledger
from cryptoassets.stores.lake import refuse_mixed_sources
from cryptoassets.stores.mongodb import EXPIRED, FETCHES, WINDOWS, Lake, count_in, fetches_in
from cryptoassets.stores.ranges import RawRange, read_range
from cryptoassets.upkeep.partitions import raw_starts
from cryptoassets_tests.io_managers.odd_types import STORED_BY_STANDIN, changed
from cryptoassets_tests.io_managers.rows import HOUR, Row, batch, document, start_of

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

START = start_of(HOUR)
WINDOW = Span(START, START + timedelta(hours=1))
DAY = Span(START.replace(hour=0), START.replace(hour=0) + timedelta(days=1))
FETCH: Row = {
    "_id": "a page",
    "observed_at": START,
    "fetched_at": START,
    "source": "simulator",
    "offset": 0,
    "coins_asked": 5,
    "coins_received": 1,
    "is_repeated": False,
}
CALL: Row = {
    "_id": "a call",
    "coin_id": "bitcoin",
    "interval": "h1",
    "start": DAY[0],
    "end": DAY[1],
    "fetched_at": START,
    "source": "simulator",
    "outcome": "points",
    "points": 1,
    "first": DAY[0],
    "error": None,
}
NOTE: Row = {
    "_id": "raw/coin_snapshots@2026-01-01-00:00",
    "asset": SNAPSHOT_FLOW.asset,
    "partition_key": "2026-01-01-00:00",
    "run_id": "a run",
    **dict.fromkeys(("raw_rows", "loaded_rows"), 1),
    **dict.fromkeys(("quarantined_rows", "superseded_rows"), 0),
    **dict.fromkeys(("loaded_at", "expired_at"), START),
}


def plant(lake: Lake, collection: str, good: Row) -> int:
    """Insert a good document, and a copy per field and odd value; return the number of copies."""
    odd = [
        changed(good | {"_id": f"{name} in {field}"}, field, value)
        for field in good
        for name, value in STORED_BY_STANDIN.items()
        if (field, value) != ("_id", ...)
    ]
    lake[collection].insert_many([good, *odd])
    return len(odd)


def outcome_of(lake: Lake, table: Table, window: Span) -> dict[str, bool]:
    """Read a partition into Arrow; return whether each row, by id, is marked as foreign."""
    rows = read_range(lake, table, RawRange(window, window, None, {}), coins_asked=5)
    return {row["raw_id"]: row["is_foreign"] for row in rows.to_pylist()}


@pytest.mark.usefixtures("clean_path")
@pytest.mark.parametrize("flow", [SNAPSHOT_FLOW, HISTORY_FLOW], ids=["snapshots", "history"])
def test_every_odd_document_is_marked_or_reported_and_the_good_one_is_read(
    lake: Lake,
    mongo: MongoResource,
    postgres: PostgresResource,
    flow: Flow,
) -> None:
    """A string in a date field made `run`, `audit` and `rebuild` fail, even for other hours."""
    window = WINDOW if flow is SNAPSHOT_FLOW else DAY
    good = document() | ({} if flow is SNAPSHOT_FLOW else {"interval": "h1"})
    planted = plant(lake, flow.raw.name, good)

    rows = outcome_of(lake, flow.raw, window)
    starts = raw_starts(mongo, flow)
    found = audit_stores(Silent())

    assert good["_id"] in rows
    assert not rows[good["_id"]]
    assert count_in(lake[flow.raw.name], window) == len(rows)
    assert rows.keys() == set(raw_ids(raw_documents(mongo, flow, window)).to_pylist())
    assert window[0] in starts
    elsewhere = sum(count_in(lake[flow.raw.name], (s, s + flow.span)) for s in starts) - len(rows)
    homeless = planted + 1 - len(rows) - elsewhere
    words = (
        f"{homeless} documents of {flow.raw.name} without a valid time and so without a partition"
    )
    assert [1] == [problem.count(words) for problem in found.problems if words in problem]


def test_a_foreign_document_with_another_source_does_not_stop_a_fetch(lake: Lake) -> None:
    """The newest document that the platform itself wrote determines the source of the lake."""
    later = START + timedelta(days=1)
    lake["coin_snapshots"].insert_many(
        [
            document(),
            document("text", source="coincap") | {"_id": "text", "observed_at": "2030"},
            document("bare", observed_at=later, source="coincap") | {"payload": None},
        ]
    )

    refuse_mixed_sources(lake, batch(document("next")))

    with pytest.raises(MixedSourcesError):
        refuse_mixed_sources(lake, batch(document("next", source="coincap")))


def test_odd_fetch_records_are_skipped(lake: Lake) -> None:
    """The platform's own records still show how many coins were requested."""
    plant(lake, FETCHES, FETCH)

    asked = fetches_in(lake, WINDOW).asked

    assert asked[START][0] >= 5


def test_odd_call_records_are_skipped(
    lake: Lake, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """Answered windows are not fetched again, and gaps can still be detected."""
    plant(lake, WINDOWS, CALL)
    lake["coin_snapshots"].insert_one({"_id": "odd", "observed_at": "9999", "coin_id": 7})
    lake["coin_snapshots"].insert_one(document())

    found = detect_gaps(mongo, postgres, "h1", DAY[1])

    assert "bitcoin" in answered(lake, "h1", DAY)
    assert {} == failures(lake, "h1", DAY)
    assert set() == coins_without_history(lake)
    assert control_window(lake, "h1", {}) is not None
    assert ["bitcoin"] == coins_of_newest_snapshot(lake, 5)
    assert "bitcoin" not in {gap.coin_id for gap in found.open}


def test_odd_records_of_expired_partitions_are_skipped(
    lake: Lake, database: str, postgres: PostgresResource
) -> None:
    """A lost ledger is restored from the intact records."""
    plant(lake, EXPIRED, NOTE)

    with postgres.connect() as connection, connection.cursor() as cursor:
        restored = restore_ledger(cursor, lake)

    assert 1 == restored


def test_only_dates_count_as_the_newest_time(lake: Lake, postgres: PostgresResource) -> None:
    """`run` and `status` print the newest time, and BSON sorts other types above dates."""
    lake["coin_snapshots"].insert_many(
        [document(), {"_id": 1, "observed_at": {"a": 1}}, {"_id": 2, "observed_at": ObjectId()}]
    )

    with open_stores() as stores:
        newest = {count.name: count.newest for count in store_counts(stores)}

    assert "2026-10-31T23:00:00+00:00" == newest[f"{lake.name}.coin_snapshots"]
