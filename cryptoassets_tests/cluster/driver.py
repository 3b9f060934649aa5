"""A driver in a separate process: runs tasks on the cluster, prints their reports, then waits.

What goes here: a script that `test_workers` starts with a modified `cryptoassets` on PYTHONPATH.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cryptoassets.errors import CryptoassetsError
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.resources.workers import credentials
from cryptoassets.transforms import rules
from cryptoassets.workers import code_hash, fail_if_code_differs


def main() -> None:
    """Print one line of JSON; exit when standard input is closed."""
    session = SparkResource().session
    urls, expected = credentials(), code_hash()

    def observe(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        fail_if_code_differs(expected)
        seen = {
            "folder": str(Path.cwd()),
            "reasons": list(rules.REASONS),
            "users": [urls.mongo_url().split(":")[1], urls.postgres_url().split(":")[1]],
        }
        yield pa.RecordBatch.from_pydict({"seen": [json.dumps(seen)]})

    def refuse(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        fail_if_code_differs("0123456789abcdef/3.9")
        yield from ()

    tasks = session.range(0, 2, 1, 2)
    seen = tasks.mapInArrow(observe, "seen string").toArrow()["seen"].to_pylist()
    try:
        with spark_errors():
            tasks.mapInArrow(refuse, "seen string").collect()
        refusal = ""
    except CryptoassetsError as error:
        refusal = f"{type(error).__name__}: {error}"
    context = session.sparkContext
    report = {
        "seen": [json.loads(text) for text in seen],
        "refusal": refusal,
        "page": context.uiWebUrl,
        "application": context.applicationId,
    }
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    session.stop()


if __name__ == "__main__":
    main()
