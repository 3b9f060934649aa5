"""The lake accepts no documents for partitions that retention has deleted."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.coincap.documents import RawBatch, RawStream
from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.partitions.policies import DAILY, RANGE_IN_ONE_RUN, range_tags
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.stores.expiry import record_expired
from cryptoassets.stores.mongodb import FETCHES, Lake
from cryptoassets_tests.io_managers.contexts import RAW, logged, materializations, read, write
from cryptoassets_tests.io_managers.rows import HOUR, NEXT_HOUR, Row, batch, document

pytestmark = pytest.mark.mongo

HISTORY = dg.AssetKey(["raw", "coin_history"])
DAY, NEXT_DAY = HOUR[:10], NEXT_HOUR[:10]


def expire(lake: Lake, flow: Flow, *partitions: str) -> None:
    """Record partitions as expired, as retention does."""
    for partition in partitions:
        record_expired(lake, flow, partition, {})


def point(partition: str) -> Row:
    """A raw history point at the first instant of a day."""
    return document("bitcoin", partition, interval="h1")


def fetch_history(
    io_manager: MongoIOManager, batches: Iterator[RawBatch], first: str = DAY, last: str = NEXT_DAY
) -> dg.ExecuteInProcessResult:
    """Store a stream of batches in the lake, in one run over several days."""

    @dg.asset(
        key=HISTORY,
        partitions_def=DAILY,
        backfill_policy=RANGE_IN_ONE_RUN,
        io_manager_key="store",
    )
    def history() -> Any:
        return RawStream(batches, {})

    return dg.materialize(
        [history],
        tags=range_tags(first, last),
        resources={"store": io_manager},
        raise_on_error=False,
    )


def test_an_expired_hour_accepts_no_documents(mongo_io_manager: MongoIOManager, lake: Lake) -> None:
    """With new documents, the lake would not match the ledger row of the expired hour."""
    expire(lake, SNAPSHOT_FLOW, HOUR)

    with pytest.raises(dg.Failure, match=f"raw/coin_snapshots {HOUR} has expired") as caught:
        write(mongo_io_manager, RAW, HOUR, batch(document()))

    assert "A retry will not help" in (caught.value.description or "")
    assert not caught.value.allow_retries
    assert 0 == lake["coin_snapshots"].count_documents({})


def test_a_late_run_does_not_mark_an_expired_hour_as_empty(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """A run for a past hour fetches nothing. This must not be recorded as an empty hour."""
    expire(lake, SNAPSHOT_FLOW, HOUR)

    with pytest.raises(dg.Failure, match="has expired"):
        write(mongo_io_manager, RAW, HOUR, batch(skipped="past hour"))

    assert 0 == lake[FETCHES].count_documents({})


def test_an_expired_hour_is_not_reported_as_missing(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """The remedy for a missing hour (materialize it) cannot work for an expired hour."""
    expire(lake, SNAPSHOT_FLOW, HOUR)

    with pytest.raises(dg.Failure, match=f"{HOUR} has expired: retention deleted it"):
        read(mongo_io_manager, RAW, HOUR, pa.Table)


def test_documents_of_an_expired_hour_are_left_out_and_other_documents_are_stored(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """A faulty source may send an old timestamp. This must not launch a run for the old hour."""
    expire(lake, SNAPSHOT_FLOW, HOUR)

    context = write(
        mongo_io_manager, RAW, NEXT_HOUR, batch(document(), document("ripple", NEXT_HOUR))
    )

    assert ["ripple"] == [stored["coin_id"] for stored in lake["coin_snapshots"].find()]
    assert (2, 1) == (logged(context)["documents received"], logged(context)["documents new"])
    assert {} == materializations(context)


def test_history_of_expired_days_is_not_requested(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """Every call costs credits."""
    expire(lake, HISTORY_FLOW, DAY, NEXT_DAY)
    batches = iter([batch(point(DAY))])

    result = fetch_history(mongo_io_manager, batches)

    (failure,) = result.get_step_failure_events()
    message = failure.step_failure_data.user_failure_data.description
    assert f"raw/coin_history {DAY} has expired" in message
    assert 1 == len(list(batches))
    assert 0 == lake["coin_history"].count_documents({})


def test_only_unexpired_days_of_a_partly_expired_range_are_stored(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """A history window is longer than a day, so the retention limit may be inside it."""
    expire(lake, HISTORY_FLOW, DAY)

    result = fetch_history(mongo_io_manager, iter([batch(point(DAY), point(NEXT_DAY))]))

    assert result.success
    assert [point(NEXT_DAY)] == list(lake["coin_history"].find())


def test_an_hour_and_its_day_expire_independently(
    mongo_io_manager: MongoIOManager, lake: Lake
) -> None:
    """Expired snapshots must not prevent history from filling the gap."""
    expire(lake, SNAPSHOT_FLOW, HOUR)

    result = fetch_history(mongo_io_manager, iter([batch(point(DAY))]), last=DAY)

    assert result.success
    assert 1 == lake["coin_history"].count_documents({})
