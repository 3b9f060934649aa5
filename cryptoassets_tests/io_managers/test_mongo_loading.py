"""Loading from the lake: every document in every form, including foreign documents."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from bson import ObjectId
from pyspark.sql import DataFrame

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.stores.documents import lake_id
from cryptoassets.stores.mongodb import Lake, count_all, count_matching
from cryptoassets.stores.raw import RawRanges
from cryptoassets_tests.io_managers.contexts import (
    RAW,
    read,
    write,
)
from cryptoassets_tests.io_managers.rows import HOUR, NEXT_HOUR, Row, batch, document, start_of

pytestmark = pytest.mark.mongo
Documents = list[dict[str, Any]]


def fetch_record(offset: int, **changes: Any) -> Row:
    """The fetch record of one page, for which 60 coins were requested."""
    counts = {"offset": offset, "coins_asked": 60, "coins_received": 1, "is_repeated": False}
    times = {"observed_at": start_of(HOUR), "fetched_at": start_of(HOUR), "source": "simulator"}
    return {"_id": f"page {offset}"} | counts | times | changes


def rows_by_id(io_manager: MongoIOManager) -> dict[str, Row]:
    """The hour's rows, loaded as an Arrow table, by raw_id."""
    rows = read(io_manager, RAW, HOUR, pa.Table).to_pylist()
    return {row["raw_id"]: row for row in rows}


@pytest.mark.parametrize(
    "change",
    [
        {"_id": ObjectId("64b7f0000000000000000001")},
        {"_id": 7},
        {"coin_id": 7},
        {"payload": None},
        {"payload": "text"},
        {"source": None},
        {"fetched_at": "yesterday"},
    ],
    ids=str,
)
def test_a_foreign_document_is_loaded_and_marked_as_foreign(
    mongo_io_manager: MongoIOManager, lake: Lake, change: Row
) -> None:
    """Another program wrote the document. If it were dropped silently, nobody would find it."""
    planted = document("planted") | change
    write(mongo_io_manager, RAW, HOUR, batch(document()))
    lake["coin_snapshots"].insert_one(planted)

    found = rows_by_id(mongo_io_manager)

    foreign = found[lake_id(planted["_id"])]
    assert foreign["is_foreign"]
    assert "planted" in foreign["payload"]
    assert not found[document()["_id"]]["is_foreign"]


def test_a_document_without_payload_is_loaded_and_marked_as_foreign(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """A missing payload must not be taken for an empty one."""
    lake["coin_snapshots"].insert_one({"_id": "bare", "observed_at": start_of(HOUR)})

    assert rows_by_id(mongo_io_manager)["bare"]["is_foreign"]


@pytest.mark.spark
def test_a_partition_is_loaded_in_the_form_of_the_annotation(
    mongo_io_manager: MongoIOManager,
) -> None:
    """The forms are a Spark DataFrame, an Arrow table and a list of dictionaries."""
    stored = document(payload={"name": "Ünïcode 🚀"})
    write(mongo_io_manager, RAW, HOUR, batch(stored))

    table = read(mongo_io_manager, RAW, HOUR, pa.Table)
    frame = read(mongo_io_manager, RAW, HOUR, DataFrame)

    assert [stored] == read(mongo_io_manager, RAW, HOUR, Documents)
    assert [stored["_id"]] == table["raw_id"].to_pylist()
    assert [canonical_payload(stored["payload"])] == table["payload"].to_pylist()
    assert table.to_pylist() == frame.to_pylist()


def test_an_unsupported_annotation_is_refused_and_the_supported_ones_are_named(
    mongo_io_manager: MongoIOManager,
) -> None:
    """The message tells the author of an asset which annotations are possible."""
    write(mongo_io_manager, RAW, HOUR, batch(document()))

    with pytest.raises(TypeError, match=r"DataFrame, pyarrow.Table or list\[dict"):
        read(mongo_io_manager, RAW, HOUR, dict)


def test_each_row_has_the_number_of_coins_requested_for_its_snapshot(
    mongo_io_manager: MongoIOManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COINCAP_COINS may change later, so it is used only for snapshots without a fetch record."""
    later = document("ripple", observed_at=start_of(HOUR) + timedelta(minutes=5))
    pages = (fetch_record(0), fetch_record(60, is_repeated=True))
    monkeypatch.setenv("COINCAP_COINS", "7")

    write(mongo_io_manager, RAW, HOUR, batch(document(), later, fetches=pages))

    found = rows_by_id(mongo_io_manager)
    asked = {row["coin_id"]: (row["coins_asked"], row["is_repeated"]) for row in found.values()}
    assert {"bitcoin": (120, True), "ripple": (7, False)} == asked


def test_a_skipped_fetch_makes_the_partition_empty_not_missing(
    mongo_io_manager: MongoIOManager,
) -> None:
    """Waiting for credits is not an error, so downstream assets must succeed without rows."""
    context = write(mongo_io_manager, RAW, HOUR, batch(skipped="credits", facts={"left": 3}))

    assert 0 == read(mongo_io_manager, RAW, HOUR, pa.Table).num_rows
    assert [] == read(mongo_io_manager, RAW, HOUR, Documents)
    (observation,) = [
        one for one in context.get_logged_events() if isinstance(one, dg.AssetObservation)
    ]
    assert ("credits", 3) == (
        observation.metadata["skipped"].value,
        observation.metadata["left"].value,
    )


def test_only_partitions_with_documents_get_tasks(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """A click on "Materialize all" requests every hour of the year; this once made 8,000 tasks."""
    write(mongo_io_manager, RAW, HOUR, batch(document(), document("ripple", NEXT_HOUR)))
    hour = read(mongo_io_manager, RAW, HOUR, RawRanges)
    span = Span(start_of(HOUR) - timedelta(300), start_of(NEXT_HOUR) + timedelta(1))
    year = replace(hour, window=span, lake=lake)

    ranges = year.ranges(year.fetches())

    assert [HOUR, NEXT_HOUR] == [partition_name(one.partition) for one in ranges]


def test_documents_have_an_index_on_time(mongo_io_manager: MongoIOManager, lake: Lake) -> None:
    """Without the index, reading an hour (a thousand documents) would scan a year (ten million)."""
    write(mongo_io_manager, RAW, HOUR, batch(document()))

    indexes = lake["coin_snapshots"].index_information().values()

    assert [("observed_at", 1)] in [list(index["key"]) for index in indexes]


def test_documents_of_any_kind_are_counted_exactly(lake: Lake) -> None:
    """The faster `count` command must return the same numbers as `count_documents`."""
    long_ago = {"fetched_at": {"$lt": start_of(NEXT_HOUR)}}
    dated = [document(f"coin-{n}", key) for n in range(3) for key in (HOUR, NEXT_HOUR)]
    odd = [{"_id": 7}, {"_id": ObjectId()}, {"_id": "text", "fetched_at": "yesterday"}]
    collection = lake["coin_snapshots"]
    collection.insert_many([*dated, *odd])

    counts = count_all(collection), count_matching(collection, long_ago)

    assert (9, 3) == counts
    assert counts == (collection.count_documents({}), collection.count_documents(long_ago))
    assert 0 == count_all(lake["nothing_here"])
