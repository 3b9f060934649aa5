"""Raw documents of one hour, 200,000 by default, through `process` and `marts`: time and memory.

Run it in the project's environment: `.venv/bin/python benchmarks/large_partition.py [documents]`.
It uses stores of its own in a temporary folder and prints a line a job and step. Memory is the sum
of the proportional set sizes (PSS) of this process and its JVM, sampled every 0.2 s; the stores
have processes of their own and are left out.
"""

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
from pymongo import MongoClient

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.definitions import defs
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.settings import load_settings

COINS = 100
BATCH = 5_000
HOUR = datetime(2026, 1, 1, 10, tzinfo=UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def documents(source_url: str, count: int) -> Iterator[dict[str, Any]]:
    """One snapshot of the simulator over and over, some milliseconds apart, in one hour."""
    with CoinCapClient(source_url) as client:
        template = raw_batch(client.snapshot(COINS)).documents
    step = timedelta(hours=1) / (count // COINS + 1)
    for number in range(count):
        document = template[number % COINS]
        moment = HOUR + step * (number // COINS)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        identity = f"{document['coin_id']}@{moment.isoformat()}@{number:012d}"
        yield {**document, "_id": identity, "observed_at": moment}


def insert(stack: Stack, count: int) -> None:
    """Fill the lake."""
    started = time.monotonic()
    with MongoClient[dict[str, Any]](stack.mongo_url()) as client:
        batch: list[dict[str, Any]] = []
        for document in documents(stack.source_url(), count):
            batch.append(document)
            if len(batch) == BATCH:
                client.datalake.coin_snapshots.insert_many(batch)
                batch = []
        if batch:
            client.datalake.coin_snapshots.insert_many(batch)
    print(f"{count:,} documents inserted in {time.monotonic() - started:.0f} s")


class PeakMemory:
    """Samples the PSS, MB, of this process and the JVMs it started; keeps the largest sum."""

    def __enter__(self) -> "PeakMemory":
        self.peak: dict[str, float] = {}
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_done.wait(0.2):
            this = psutil.Process()
            now = {"python": this.memory_full_info().pss / 1e6, "java": 0.0}
            for child in this.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "java" in child.name():
                        now["java"] += child.memory_full_info().pss / 1e6
            if sum(now.values()) > sum(self.peak.values()):
                self.peak = now


def run(job: str, partition: str) -> None:
    """Execute a job and print what it took."""
    with dagster_instance() as instance, PeakMemory() as memory:
        started = time.monotonic()
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance, partition_key=partition, run_config=QUIET, raise_on_error=False
        )
        seconds = time.monotonic() - started
    parts = ", ".join(f"{name} {size:,.0f}" for name, size in memory.peak.items())
    total = sum(memory.peak.values())
    print(f"{job}: success={result.success} {seconds:.1f} s, peak {total:,.0f} MB ({parts})")
    for event in result.all_node_events:
        if event.is_step_success:
            ms = event.step_success_data.duration_ms
            print(f"    {event.step_key:<32} {ms / 1000:6.1f} s")


def main(count: int) -> None:
    """Insert, process, print."""
    stack = Stack(load_settings(), report=print)
    stack.up()
    try:
        insert(stack, count)
        run("process", f"{HOUR:%Y-%m-%d-%H:00}")
        run("marts", f"{HOUR:%Y-%m-%d}")
    finally:
        stack.down(erase=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["CRYPTOASSETS_HOME"] = home
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
