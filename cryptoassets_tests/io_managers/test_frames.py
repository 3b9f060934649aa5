"""Rows of PostgreSQL as Spark DataFrames: passed in batches, and reused within a run."""

import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from cryptoassets.io_managers.frames import TemporaryFrames
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import COIN_DAILY
from cryptoassets.stores.clean_files import SCRATCH
from cryptoassets_tests.io_managers.rows import HOUR, daily_coins, start_of

pytestmark = pytest.mark.spark

DAY = HOUR[:10]


def test_a_frame_is_written_in_batches(clean_path: Path, session: SparkSession) -> None:
    """Each batch becomes a row group of the file; memory never holds all batches."""
    alive: list[weakref.ref[pa.RecordBatch]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(20):
            assert sum(one() is not None for one in alive) <= 1
            batch = daily_coins(DAY, [number]).to_batches()[0]
            alive.append(weakref.ref(batch))
            yield batch

    frames = TemporaryFrames()
    assert 20 == frames.frame(session, COIN_DAILY, batches()).count()
    [file] = (clean_path / SCRATCH).rglob("*.parquet")
    assert 20 == pq.ParquetFile(file).num_row_groups
    frames.clear()
    assert [] == list((clean_path / SCRATCH).iterdir())


@pytest.mark.parametrize("coins", [range(0), range(3)])
def test_a_few_rows_are_passed_without_a_file(
    clean_path: Path, session: SparkSession, coins: range
) -> None:
    """Even an empty DataFrame has the right columns; its `isEmpty` runs no Spark job."""
    frames = TemporaryFrames()
    few = daily_coins(DAY, coins)
    frame = frames.frame(session, COIN_DAILY, few.to_batches())
    jobs = session.sparkContext.statusTracker().getJobIdsForGroup
    before = len(jobs())

    assert (not coins) == frame.isEmpty()
    assert coins or before == len(jobs())
    assert StructType.fromDDL(COIN_DAILY.spark_schema) == frame.schema
    assert few.to_pylist() == frame.toArrow().cast(few.schema).to_pylist()
    assert not (clean_path / SCRATCH).exists()
    frames.clear()


def test_kept_rows_are_used_only_for_their_range_columns_and_versions(
    session: SparkSession,
) -> None:
    """A part of the kept range can be used; a different version means that rows are outdated."""
    frames = TemporaryFrames()
    days = [start_of(DAY) + timedelta(days=number) for number in range(4)]
    rows = pa.concat_tables([daily_coins(str(day.date()), range(2)) for day in days[:3]])
    versions = {f"marts/coin_daily {day.date()}": number for number, day in enumerate(days[:3])}
    frame = frames.frame(session, COIN_DAILY, rows.to_batches())
    frames.keep(COIN_DAILY, Span(days[0], days[3]), versions, frame)
    key, version = list(versions.items())[1]
    second_day = Span(days[1], days[2])

    found = frames.kept(COIN_DAILY, second_day, {key: version})

    assert found is not None
    assert {days[1].date()} == {row["day"] for row in found.toArrow().to_pylist()}
    some_columns = replace(COIN_DAILY, columns=COIN_DAILY.columns[:3])
    partly_outside = Span(days[0] - timedelta(days=1), days[2])
    assert frames.kept(COIN_DAILY, second_day, {key: version + 1}) is None
    assert frames.kept(COIN_DAILY, second_day, {}) is None
    assert frames.kept(some_columns, second_day, {key: version}) is None
    assert frames.kept(COIN_DAILY, partly_outside, {key: version}) is None
    frames.clear()
    assert frames.kept(COIN_DAILY, second_day, {key: version}) is None
