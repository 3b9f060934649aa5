"""A driver that processes an hour of prices; in each job, one task is lost after its commit.

What goes here: a script that `test_lost_tasks` starts, with environment variables that name the
stores. It runs the project's real tasks, but the lost task fails, is killed or is delayed after its
work is done.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
from pyspark.sql import DataFrame

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.workers import credentials
from cryptoassets.schemas import CLEAN_COIN_PRICES, SNAPSHOT_FLOW
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.mongodb import FETCHES, Lake
from cryptoassets.stores.raw import RawRanges
from cryptoassets.transforms.prices import judge_prices
from cryptoassets_tests.io_managers.contexts import CLEAN, PRICES, read, write
from cryptoassets_tests.io_managers.rows import HOUR, document, start_of

START = start_of(HOUR)
SNAPSHOTS, COINS, COINS_PER_TASK = 8, 5, 10
LOST = 1
"""Number of the task that is lost in each job."""
Work = Callable[[int], Iterable[pa.RecordBatch]]


def lose(number: int, work: Work, mishap: str, folder: str) -> Iterator[pa.RecordBatch]:
    """Do a task's work, but lose the first attempt of task `LOST` before it reports its result."""
    batches = list(work(number))
    attempts = sorted(Path(folder).glob(f"{type(work).__name__}-{number}-*"))
    note = Path(folder) / f"{type(work).__name__}-{number}-{len(attempts)}"
    note.write_text(str(Path.cwd()))
    if number == LOST and not attempts:
        if mishap == "fails":
            raise RuntimeError
        if mishap == "executor dies":
            psutil.Process().parent().parent().kill()
            time.sleep(60)
        if mishap == "is slow":
            _await(note.with_name(f"{type(work).__name__}-{number}-1"))
    yield from batches


def _await(second: Path) -> None:
    deadline = time.monotonic() + 120
    while not second.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


class LosingSpark(SparkResource):
    """Loses one task of each job."""

    mishap: str
    folder: str

    def tasks(self, work: Work, number: int, schema: str) -> DataFrame:
        """Create tasks as the base class does, but lose one."""
        losing = partial(lose, work=work, mishap=self.mishap, folder=self.folder)
        return super().tasks(losing, number, schema)


def plant(lake: Lake) -> None:
    """Store several snapshots of one hour; each has five coins, and one coin breaks a rule."""
    for minute in range(SNAPSHOTS):
        at = START + timedelta(minutes=minute)
        prices = ["1.5"] * (COINS - 1) + ["-1"]
        some = [
            document(f"coin-{n}", observed_at=at, payload={"id": f"coin-{n}", "priceUsd": price})
            for n, price in enumerate(prices)
        ]
        lake["coin_snapshots"].insert_many(some)
        record = {"observed_at": at, "coins_asked": COINS, "is_repeated": False}
        lake[FETCHES].insert_one({"_id": str(minute), "coins_received": COINS, **record})


def main(mishap: str, folder: str) -> None:
    """Process the hour; print the number of Parquet files, and of the groups that tasks read."""
    mongo, postgres = MongoResource(), PostgresResource()
    spark = LosingSpark(mishap=mishap, folder=folder)
    clean = SparkIOManager(spark=spark)
    with closing(mongo.lake().client):
        lake = mongo.lake()
        plant(lake)
        ranges = RawRanges(
            SNAPSHOT_FLOW,
            Span(START, START + timedelta(hours=1)),
            lake,
            COINS,
            spark.tasks,
            partial(credentials, postgres=False),
            documents_per_task=COINS_PER_TASK,
        )
        write(clean, CLEAN, HOUR, ranges.mapped(judge_prices, CLEAN_COIN_PRICES))
        files: CleanFiles = read(clean, CLEAN, HOUR, CleanFiles)
        # With a limit of 1 byte, each file forms its own group, and each group is one task.
        split = replace(files, tasks=spark.tasks, max_bytes=1)
        write(PostgresIOManager(postgres=postgres, spark=spark), PRICES, HOUR, split)
    sys.stdout.write(json.dumps({"files": len(split.files), "groups": len(split.groups())}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
