"""Distributed Spark: executors read ranges and write rows; no row passes through the driver.

With `mapInPandas`, each Spark task reads one range of the time span. The rules are column
expressions, as in `ordinary_spark`. `foreachPartition` copies rows to staging tables. A retried
Spark task would copy its rows twice.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd
import psycopg
from pymongo import MongoClient
from pyspark.sql import Row

from benchmarks.ways import rival_tables
from benchmarks.ways.rival_rules import PRICES, QUARANTINE
from benchmarks.ways.spark_rules import SCHEMA, as_row, judged, session
from benchmarks.ways.task import BATCH, Marks, Task, span_filter, task_from_environment

RANGES = 8


def main() -> None:
    """Publish the documents of the benchmark's time span."""
    marks, task = Marks(), task_from_environment()
    rival_tables.create(task.postgres_url)
    spark = session()
    marks.mark("session")
    step = (task.end - task.start) / RANGES
    cuts = [task.start + step * number for number in range(RANGES)] + [task.end]

    def read(numbers: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in numbers:
            for number in frame["id"]:
                yield from _frames(task, cuts[number], cuts[number + 1])

    raw = spark.range(0, RANGES, 1, RANGES).mapInPandas(read, SCHEMA)
    postgres_url = task.postgres_url
    judged(raw).foreachPartition(lambda rows: _copy(postgres_url, rows))
    marks.mark("read, judge and copy")
    rival_tables.upsert(task.postgres_url)
    marks.mark("upsert")
    marks.print()


def _frames(task: Task, start: datetime, end: datetime) -> Iterator[pd.DataFrame]:
    columns = [part.split()[0].strip("`") for part in SCHEMA.split(", ")]
    with MongoClient[dict[str, Any]](task.mongo_url, tz_aware=True) as client:
        found = client[task.database]["coin_snapshots"].find(
            span_filter(start, end), batch_size=BATCH
        )
        rows = [as_row(document) for document in found]
    if rows:
        yield pd.DataFrame(rows, columns=columns)


def _copy(postgres_url: str, rows: Iterable[Row]) -> None:
    prices = f"COPY rival.staged_prices ({', '.join(PRICES)}) FROM STDIN"
    broken = f"COPY rival.staged_quarantine ({', '.join(QUARANTINE)}) FROM STDIN"
    with (
        psycopg.connect(postgres_url) as first,
        psycopg.connect(postgres_url) as second,
        first.cursor().copy(prices.encode()) as to_prices,
        second.cursor().copy(broken.encode()) as to_quarantine,
    ):
        for row in rows:
            if row["reasons"]:
                to_quarantine.write_row([row[name] for name in QUARANTINE])
            else:
                to_prices.write_row([row[name] for name in PRICES])


if __name__ == "__main__":
    main()
