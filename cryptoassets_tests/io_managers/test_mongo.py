"""Storing in the lake: no duplicates, no losses, no mixed sources."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.errors import MalformedResponseError
from cryptoassets.facts import METADATA_KEY
from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.stores.mongodb import Lake
from cryptoassets_tests.io_managers.contexts import (
    RAW,
    logged,
    materializations,
    read,
    write,
)
from cryptoassets_tests.io_managers.rows import HOUR, NEXT_HOUR, batch, document, start_of

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


def test_a_document_that_is_sent_twice_is_stored_once(mongo_io_manager: MongoIOManager) -> None:
    """If an acknowledgement is lost, a retry sends the batch again."""
    same = document()

    first = write(mongo_io_manager, RAW, HOUR, batch(same, same))
    again = write(mongo_io_manager, RAW, HOUR, batch(same, document("ethereum")))

    assert 1 == logged(first)["documents new"]
    assert 1 == logged(again)["documents new"]
    assert 2 == logged(again)["dagster/partition_row_count"]


def test_another_response_for_the_same_instant_is_stored_in_addition(
    mongo_io_manager: MongoIOManager,
) -> None:
    """CoinCap may correct a response; the clean layer decides which response is used."""
    corrected = document(payload={"priceUsd": "1.6"})

    write(mongo_io_manager, RAW, HOUR, batch(document()))
    write(mongo_io_manager, RAW, HOUR, batch(corrected))

    found = read(mongo_io_manager, RAW, HOUR, Documents)
    assert {"1.5", "1.6"} == {row["payload"]["priceUsd"] for row in found}


def test_existing_documents_are_not_changed(mongo_io_manager: MongoIOManager) -> None:
    """Raw documents are immutable, so a document keeps the time of its first fetch."""
    first = document()
    later = first | {"fetched_at": first["fetched_at"] + timedelta(minutes=5)}

    write(mongo_io_manager, RAW, HOUR, batch(first))
    write(mongo_io_manager, RAW, HOUR, batch(later))

    assert [first] == read(mongo_io_manager, RAW, HOUR, Documents)


def test_documents_of_another_hour_are_stored_and_logged_for_that_hour(
    mongo_io_manager: MongoIOManager,
) -> None:
    """The run for 23:00 may fetch documents of 00:00; these must be processed, too."""
    context = write(mongo_io_manager, RAW, HOUR, batch(document(), document("ripple", NEXT_HOUR)))

    late = materializations(context)["raw/coin_snapshots", NEXT_HOUR]
    assert {"documents_received": 1, "is_late": True} == late.pop(METADATA_KEY)
    assert {"documents received": 1, "late": True} == late
    assert 1 == len(materializations(context))
    assert 1 == logged(context)["dagster/partition_row_count"]
    assert "ripple" == read(mongo_io_manager, RAW, NEXT_HOUR, Documents)[0]["coin_id"]


def test_dead_letters_are_stored_in_addition_to_documents(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """An unreadable coin does not block other coins, and is not lost."""
    context = write(mongo_io_manager, RAW, HOUR, batch(document(), dead_letters=(LETTER,)))

    assert [LETTER] == list(lake["dead_letters"].find())
    assert 1 == logged(context)["dead letters"]
    assert 1 == logged(context)["dagster/partition_row_count"]


def test_a_response_with_only_dead_letters_fails_after_they_are_stored(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """The run fails and may be retried; the dead letters are in the lake."""
    failure = MalformedResponseError("not JSON", status=200, reason="not_json")

    with pytest.raises(dg.Failure, match="not JSON") as caught:
        write(mongo_io_manager, RAW, HOUR, batch(dead_letters=(LETTER,), failure=failure))

    assert caught.value.allow_retries
    assert [LETTER] == list(lake["dead_letters"].find())
    with pytest.raises(dg.Failure, match="first materialize"):
        read(mongo_io_manager, RAW, HOUR, pa.Table)


@pytest.mark.parametrize("source", ["coincap", "simulator"])
def test_a_foreign_document_does_not_determine_the_source(
    mongo_io_manager: MongoIOManager, lake: Lake, source: str
) -> None:
    """The newest document may be from another program; it must not block further fetches."""
    write(mongo_io_manager, RAW, HOUR, batch(document(source=source)))
    lake["coin_snapshots"].insert_one({"_id": "bare", "observed_at": start_of(NEXT_HOUR)})

    context = write(mongo_io_manager, RAW, HOUR, batch(document("ripple", source=source)))

    assert 2 == logged(context)["dagster/partition_row_count"]


@pytest.mark.parametrize(("stored", "new"), [("coincap", "simulator"), ("replay", "coincap")])
def test_real_prices_are_never_mixed_with_others(
    mongo_io_manager: MongoIOManager, lake: Lake, stored: str, new: str
) -> None:
    """No figure may be computed from both real and simulated prices."""
    write(mongo_io_manager, RAW, HOUR, batch(document(source=stored)))

    with pytest.raises(dg.Failure, match="MONGO_URL, MONGO_DATABASE and POSTGRES_URL") as caught:
        write(
            mongo_io_manager,
            RAW,
            NEXT_HOUR,
            batch(document("ripple", NEXT_HOUR, source=new), dead_letters=(LETTER,)),
        )

    assert f"source '{stored}'" in (caught.value.description or "")
    assert not caught.value.allow_retries
    assert 1 == lake["coin_snapshots"].count_documents({})
    assert 0 == lake["dead_letters"].count_documents({})


def test_simulated_and_recorded_data_may_be_mixed(mongo_io_manager: MongoIOManager) -> None:
    """Neither of them is real, and every row names its source."""
    write(mongo_io_manager, RAW, HOUR, batch(document(source="simulator")))

    context = write(mongo_io_manager, RAW, HOUR, batch(document("ripple", source="replay")))

    assert 2 == logged(context)["dagster/partition_row_count"]
