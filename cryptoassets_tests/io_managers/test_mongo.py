"""Promises of the lake: nothing doubled, nothing lost, nothing mixed, every form to load."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from bson import ObjectId
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.coincap.verbatim import storage_fault
from cryptoassets.errors import MalformedAnswerError
from cryptoassets.io_managers.lake import lake_id
from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.resources.mongo import Lake
from cryptoassets_tests.io_managers.contexts import (
    RAW,
    logged,
    materializations,
    read,
    write,
)
from cryptoassets_tests.io_managers.rows import HOUR, NEXT_HOUR, Row, batch, document, start_of

pytestmark = pytest.mark.mongo
Documents = list[dict[str, Any]]

LETTER = {
    "_id": "letter",
    "url": "http://localhost/assets",
    "fetched_at": start_of(HOUR),
    "status": 200,
    "reason": "not_json",
    "body": "<html>",
}


def fetch_record(offset: int, **changes: Any) -> Row:
    """The record of one page that asked for 60 coins."""
    counts = {"offset": offset, "coins_asked": 60, "coins_received": 1, "is_repeated": False}
    times = {"observed_at": start_of(HOUR), "fetched_at": start_of(HOUR), "source": "simulator"}
    return {"_id": f"page {offset}"} | counts | times | changes


def rows_by_id(io_manager: MongoIOManager) -> dict[str, Row]:
    """The hour's rows as Arrow table, by raw_id."""
    rows = read(io_manager, RAW, HOUR, pa.Table).to_pylist()
    return {row["raw_id"]: row for row in rows}


def test_the_same_answer_twice_is_one_document(mongo_io_manager: MongoIOManager) -> None:
    """A retry after a lost acknowledgement sends the batch again."""
    same = document()

    first = write(mongo_io_manager, RAW, HOUR, batch(same, same))
    again = write(mongo_io_manager, RAW, HOUR, batch(same, document("ethereum")))

    assert 1 == logged(first)["documents new"]
    assert 1 == logged(again)["documents new"]
    assert 2 == logged(again)["dagster/partition_row_count"]


def test_another_answer_for_the_same_instant_is_kept_beside_the_first(
    mongo_io_manager: MongoIOManager,
) -> None:
    """CoinCap corrects itself; which answer counts is for the clean layer to say."""
    corrected = document(payload={"priceUsd": "1.6"})

    write(mongo_io_manager, RAW, HOUR, batch(document()))
    write(mongo_io_manager, RAW, HOUR, batch(corrected))

    found = read(mongo_io_manager, RAW, HOUR, Documents)
    assert {"1.5", "1.6"} == {row["payload"]["priceUsd"] for row in found}


def test_what_is_there_stays_as_it_is(mongo_io_manager: MongoIOManager) -> None:
    """Raw is immutable: the time of the first fetch is when we knew."""
    first = document()
    later = first | {"fetched_at": first["fetched_at"] + timedelta(minutes=5)}

    write(mongo_io_manager, RAW, HOUR, batch(first))
    write(mongo_io_manager, RAW, HOUR, batch(later))

    assert [first] == read(mongo_io_manager, RAW, HOUR, Documents)


def test_documents_of_another_hour_are_stored_and_logged_for_it(
    mongo_io_manager: MongoIOManager,
) -> None:
    """An answer stamped 00:00:00 and fetched by the run of 23:00 must be processed too."""
    context = write(mongo_io_manager, RAW, HOUR, batch(document(), document("ripple", NEXT_HOUR)))

    late = materializations(context)["raw/coin_snapshots", NEXT_HOUR]
    assert {"documents received": 1, "late": True} == late
    assert 1 == len(materializations(context))
    assert 1 == logged(context)["dagster/partition_row_count"]
    assert "ripple" == read(mongo_io_manager, RAW, NEXT_HOUR, Documents)[0]["coin_id"]


def test_dead_letters_are_kept_beside_the_documents(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """One coin that cannot be read does not stop the others, and is not thrown away."""
    context = write(mongo_io_manager, RAW, HOUR, batch(document(), dead_letters=(LETTER,)))

    assert [LETTER] == list(lake["dead_letters"].find())
    assert 1 == logged(context)["dead letters"]
    assert 1 == logged(context)["dagster/partition_row_count"]


def test_an_answer_of_dead_letters_only_fails_after_keeping_them(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """The run is red and may be tried again; the evidence is in the lake."""
    failure = MalformedAnswerError("not JSON", status=200, reason="not_json")

    with pytest.raises(dg.Failure, match="not JSON") as caught:
        write(mongo_io_manager, RAW, HOUR, batch(dead_letters=(LETTER,), failure=failure))

    assert caught.value.allow_retries
    assert [LETTER] == list(lake["dead_letters"].find())
    with pytest.raises(dg.Failure, match="first materialize"):
        read(mongo_io_manager, RAW, HOUR, pa.Table)


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
def test_a_document_that_is_not_ours_is_loaded_and_marked(
    mongo_io_manager: MongoIOManager, lake: Lake, change: Row
) -> None:
    """Somebody wrote it there: dropped in silence it would never be found."""
    planted = document("planted") | change
    write(mongo_io_manager, RAW, HOUR, batch(document()))
    lake["coin_snapshots"].insert_one(planted)

    found = rows_by_id(mongo_io_manager)

    foreign = found[lake_id(planted["_id"])]
    assert foreign["is_foreign"]
    assert "planted" in foreign["payload"]
    assert not found[document()["_id"]]["is_foreign"]


def test_a_document_without_payload_is_loaded_and_marked(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """A missing field is not an empty one."""
    lake["coin_snapshots"].insert_one({"_id": "bare", "observed_at": start_of(HOUR)})

    assert rows_by_id(mongo_io_manager)["bare"]["is_foreign"]


@pytest.mark.parametrize("there", ["coincap", "simulator"])
def test_a_foreign_document_does_not_pass_for_a_source(
    mongo_io_manager: MongoIOManager, lake: Lake, there: str
) -> None:
    """Planted as the newest one, it would stop every further fetch of real prices."""
    write(mongo_io_manager, RAW, HOUR, batch(document(source=there)))
    lake["coin_snapshots"].insert_one({"_id": "bare", "observed_at": start_of(NEXT_HOUR)})

    context = write(mongo_io_manager, RAW, HOUR, batch(document("ripple", source=there)))

    assert 2 == logged(context)["dagster/partition_row_count"]


@pytest.mark.spark
def test_a_partition_loads_in_the_form_of_the_annotation(mongo_io_manager: MongoIOManager) -> None:
    """One store, three readers: Spark, Arrow and plain Python."""
    stored = document(payload={"name": "Ünïcode 🚀"})
    write(mongo_io_manager, RAW, HOUR, batch(stored))

    table = read(mongo_io_manager, RAW, HOUR, pa.Table)
    frame = read(mongo_io_manager, RAW, HOUR, DataFrame)

    assert [stored] == read(mongo_io_manager, RAW, HOUR, Documents)
    assert [stored["_id"]] == table["raw_id"].to_pylist()
    assert [canonical_payload(stored["payload"])] == table["payload"].to_pylist()
    assert table.to_pylist() == frame.to_pylist()


def test_another_annotation_is_refused_with_the_three_that_work(
    mongo_io_manager: MongoIOManager,
) -> None:
    """Whoever writes the next asset learns it from the message."""
    write(mongo_io_manager, RAW, HOUR, batch(document()))

    with pytest.raises(TypeError, match=r"DataFrame, pyarrow.Table or list\[dict"):
        read(mongo_io_manager, RAW, HOUR, dict)


def test_a_snapshot_is_judged_by_the_coins_its_pages_asked_for(
    mongo_io_manager: MongoIOManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COINCAP_COINS may be another number tomorrow; without a record it is all there is."""
    later = document("ripple", observed_at=start_of(HOUR) + timedelta(minutes=5))
    pages = (fetch_record(0), fetch_record(60, is_repeated=True))
    monkeypatch.setenv("COINCAP_COINS", "7")

    write(mongo_io_manager, RAW, HOUR, batch(document(), later, fetches=pages))

    found = rows_by_id(mongo_io_manager)
    asked = {row["coin_id"]: (row["coins_asked"], row["is_repeated"]) for row in found.values()}
    assert {"bitcoin": (120, True), "ripple": (7, False)} == asked


@pytest.mark.parametrize(
    "key", ["a.b", ".", "$set", "$", "$ref", "", " ", "ключ", "🚀", "a\u202eb", "_id", "x" * 9000]
)
def test_any_key_comes_back_or_is_a_dead_letter(
    mongo_io_manager: MongoIOManager, lake: Lake, key: str
) -> None:
    """MongoDB's own syntax in a payload must neither run nor vanish."""
    odd = document(payload={key: {key: "kept"}})

    write(mongo_io_manager, RAW, HOUR, batch(odd, document("ripple")))

    found = read(mongo_io_manager, RAW, HOUR, Documents)
    reasons = [letter["reason"] for letter in lake["dead_letters"].find()]
    assert 2 == len(found) + len(reasons)
    assert odd in found or reasons[0].startswith("refused_by_store_")
    assert document("ripple") in found


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Words that MongoDB or its stand-in may take for their own; chance alone finds none of them.
KEYS = TEXTS | st.sampled_from(
    ["id", "_id", "$date", "$oid", "$numberLong", "__neosqlite_binary__", "__neosqlite_objectid__"]
)
JSON_OBJECTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
).map(lambda value: {"odd": value})


@settings(
    max_examples=5,
    deadline=None,
    # Shrinking would ask the server a thousand times; a failing list of 20 is short enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(JSON_OBJECTS, min_size=20, max_size=40))
def test_every_payload_that_passes_the_reader_comes_back_unchanged(
    mongo_io_manager: MongoIOManager, lake: Lake, payloads: list[Row]
) -> None:
    """Verbatim: types, order of digits, NULs and injected operators included."""
    lake["coin_snapshots"].delete_many({})
    lake["dead_letters"].delete_many({})
    stored = [document(payload=p) for p in payloads if storage_fault(p) is None]

    write(mongo_io_manager, RAW, HOUR, batch(*stored))

    found = lake["coin_snapshots"].find()
    kept = {row["_id"]: canonical_payload(row["payload"]) for row in found}
    sent = {row["_id"]: canonical_payload(row["payload"]) for row in stored}
    assert len(sent) == len(kept) + lake["dead_letters"].count_documents({})
    assert kept.items() <= sent.items()


@pytest.mark.parametrize(("there", "coming"), [("coincap", "simulator"), ("replay", "coincap")])
def test_real_prices_and_others_never_meet(
    mongo_io_manager: MongoIOManager, lake: Lake, there: str, coming: str
) -> None:
    """Simulated prices among real ones would be found by nobody."""
    write(mongo_io_manager, RAW, HOUR, batch(document(source=there)))

    with pytest.raises(dg.Failure, match="MONGO_URL, MONGO_DATABASE and POSTGRES_URL") as caught:
        write(
            mongo_io_manager,
            RAW,
            NEXT_HOUR,
            batch(document("ripple", NEXT_HOUR, source=coming), dead_letters=(LETTER,)),
        )

    assert f"source '{there}'" in (caught.value.description or "")
    assert not caught.value.allow_retries
    assert 1 == lake["coin_snapshots"].count_documents({})
    assert 0 == lake["dead_letters"].count_documents({})


def test_simulated_and_recorded_data_may_meet(mongo_io_manager: MongoIOManager) -> None:
    """Neither is real; every row says which it is."""
    write(mongo_io_manager, RAW, HOUR, batch(document(source="simulator")))

    context = write(mongo_io_manager, RAW, HOUR, batch(document("ripple", source="replay")))

    assert 2 == logged(context)["dagster/partition_row_count"]


def test_a_skipped_fetch_leaves_an_empty_partition_not_a_missing_one(
    mongo_io_manager: MongoIOManager,
) -> None:
    """Waiting for credits is no fault: what comes after must pass with no rows."""
    context = write(mongo_io_manager, RAW, HOUR, batch(skipped="credits", facts={"left": 3}))

    assert 0 == read(mongo_io_manager, RAW, HOUR, pa.Table).num_rows
    assert [] == read(mongo_io_manager, RAW, HOUR, Documents)
    assert ("credits", 3) == (logged(context)["skipped"], logged(context)["left"])


def test_partitions_are_read_along_an_index(mongo_io_manager: MongoIOManager, lake: Lake) -> None:
    """A year of snapshots is ten million documents; an hour is a thousand of them."""
    write(mongo_io_manager, RAW, HOUR, batch(document()))

    indexes = lake["coin_snapshots"].index_information().values()

    assert [("observed_at", 1)] in [list(index["key"]) for index in indexes]
