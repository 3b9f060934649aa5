"""An ordinary Spark job, as an engineer might write it in an afternoon.

It reads a list of documents, calls `createDataFrame`, applies the rules as column expressions,
writes to staging tables with JDBC, and upserts. Every document passes through the driver, first as
a Python object and then on the JVM's heap.
"""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from pymongo import MongoClient
from pyspark.sql import DataFrame

from benchmarks.ways import rival_tables
from benchmarks.ways.rival_rules import PRICES, QUARANTINE
from benchmarks.ways.spark_rules import SCHEMA, as_row, judged, session
from benchmarks.ways.task import BATCH, Marks, Task, task_from_environment


def main() -> None:
    """Publish the documents of the benchmark's time span."""
    marks, task = Marks(), task_from_environment()
    rival_tables.create(task.postgres_url)
    spark = session(**{"spark.jars": os.environ["JDBC_JAR"]})
    marks.mark("session")
    with MongoClient[dict[str, Any]](task.mongo_url, tz_aware=True) as client:
        found = client[task.database]["coin_snapshots"].find(task.documents, batch_size=BATCH)
        rows = [as_row(document) for document in found]
    marks.mark("read")
    rows_judged = judged(spark.createDataFrame(rows, SCHEMA, verifySchema=False)).cache()
    marks.mark("createDataFrame")
    valid = rows_judged.where("reasons = ''").select(*PRICES)
    _write(valid, task, "rival.staged_prices")
    broken = rows_judged.where("reasons <> ''").select(*QUARANTINE)
    _write(broken, task, "rival.staged_quarantine")
    marks.mark("judge and write")
    rival_tables.upsert(task.postgres_url)
    marks.mark("upsert")
    marks.print()


def _write(rows: DataFrame, task: Task, table: str) -> None:
    url = urlsplit(task.postgres_url)
    options = {
        "url": f"jdbc:postgresql://{url.hostname}:{url.port}{url.path}?reWriteBatchedInserts=true",
        "user": url.username or "",
        "password": unquote(url.password or ""),
        "driver": "org.postgresql.Driver",
        "batchsize": "10000",
        "dbtable": table,
    }
    rows.write.format("jdbc").options(**options).mode("append").save()


if __name__ == "__main__":
    main()
