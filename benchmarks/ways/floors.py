"""Only reads the documents, as a lower bound: `raw_bson` as bytes, `dicts` as Python objects."""

import sys
from typing import Any

from pymongo import MongoClient

from benchmarks.ways.task import BATCH, Marks, task_from_environment


def main(kind: str) -> None:
    """Read the documents of the benchmark's time span; print their size or number."""
    marks, task = Marks(), task_from_environment()
    with MongoClient[dict[str, Any]](task.mongo_url, tz_aware=True) as client:
        raw = client[task.database]["coin_snapshots"]
        if kind == "raw_bson":
            found = raw.find_raw_batches(task.documents, batch_size=BATCH)
            print(sum(len(batch) for batch in found), "bytes")
        else:
            print(sum(1 for _ in raw.find(task.documents, batch_size=BATCH)), "documents")
    marks.mark("read")
    marks.print()


if __name__ == "__main__":
    main(sys.argv[1])
