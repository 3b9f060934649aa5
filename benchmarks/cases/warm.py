"""Measures how long `run --every` takes from a response to its rows, compared with the baseline.

The current hour first gets 58 snapshots with earlier times, so that it is almost full. A separate
connection queries PostgreSQL every 50 ms. A snapshot's time starts at `fetched_at`, when the
response was complete, and ends when this connection sees its rows. The first cycle of a process,
which reads and judges the whole hour, is reported separately.
"""

import math
import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from pymongo import MongoClient

from benchmarks import loading
from benchmarks.baseline import baseline
from benchmarks.bench import Bench, in_turn
from benchmarks.homes import CURRENT, ROOT, Checkout, Home, fresh_home, prepare_tables
from benchmarks.measuring import BenchError, Measurement
from benchmarks.results import CaseResult
from benchmarks.source import source
from benchmarks.workload import Snapshot
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch, raw_batch

SNAPSHOTS = 58
CYCLES = 20
_HOUR = timedelta(hours=1)
_NEW = (
    "SELECT observed_at, max(fetched_at) FROM warehouse.coin_prices "
    "WHERE observed_at > %s GROUP BY 1 ORDER BY 1"
)
_TIMEOUT_SECONDS = 600
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Loop:
    """The parameters of one `run --every`.

    Attributes:
        coins: coins per snapshot.
        every_seconds: time between two fetches; must be longer than the slower version's cycle.
        remaining_seconds: time that must be left in the hour when a version starts.
    """

    coins: int
    every_seconds: int
    remaining_seconds: int


def warm_100(bench: Bench) -> CaseResult:
    """Run micro-batches of 100 coins in an almost full hour, with embedded stores."""
    return _warm(bench, Loop(100, 8, 400), "warm_100_p95_vs_dcbf970")


def warm_2000(bench: Bench) -> CaseResult:
    """Run micro-batches of 2,000 coins in an almost full hour, with embedded stores."""
    return _warm(bench, Loop(2000, 25, 1200), "warm_2000_p95_vs_dcbf970")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is greater than or equal to this share of all values."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def _warm(bench: Bench, loop: Loop, ratio: str) -> CaseResult:
    cycles = max(3, round(CYCLES * bench.scale))
    result = CaseResult(
        notes=[
            f"A cycle starts every {loop.every_seconds} s.",
            "Before the first cycle, the hour already has almost as many snapshots as a full hour.",
            f"The median and the 95th percentile are those of the {cycles} cycles after the first.",
        ]
    )
    before = baseline()
    checkouts = {one.name: one for one in (CURRENT, before)}
    coins = max(10, round(loop.coins * math.sqrt(bench.scale)))
    with source(coins) as url:
        for number, name in in_turn(tuple(checkouts), bench.number_of_runs(1)):
            _await_hour(bench, loop.remaining_seconds * bench.scale)
            load = os.getloadavg()[0]
            checkout = checkouts[name]
            times = _answer_to_row(bench, checkout, url, coins, loop.every_seconds, cycles)
            p95, median = percentile(times[1:], 0.95), statistics.median(times[1:])
            took = Measurement(sum(times), 0.0, 0.0, 0.0, load)
            result.add(name, took, first=times[0], median=median, p95=p95)
            bench.report(
                f"run {number + 1}: {name}: first {times[0]:.1f} s, then median {median:.2f} s, "
                f"p95 {p95:.2f} s"
            )
    result.ratios[ratio] = result.ratio(CURRENT.name, before.name, "p95")
    return result


def _await_hour(bench: Bench, seconds: float) -> None:
    """Wait for the next hour if less than `seconds` are left in this hour."""
    left = _HOUR - (datetime.now(UTC) - _this_hour())
    if left < timedelta(seconds=seconds):
        bench.report(f"waiting {left.total_seconds() / 60:.0f} min for the next hour")
        time.sleep(left.total_seconds() + 2)


def _this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def _answer_to_row(
    bench: Bench, checkout: Checkout, url: str, coins: int, every_seconds: int, cycles: int
) -> list[float]:
    """Return each cycle's seconds from response to row, including the first cycle."""
    settings = {"COINCAP_URL": url, "COINCAP_COINS": str(coins)}
    with ExitStack() as stack:
        home = stack.enter_context(fresh_home(checkout, **settings))
        prepare_tables(home)
        addresses = home.addresses()
        snapshots = max(2, round(SNAPSHOTS * math.sqrt(bench.scale)))
        _fill(addresses["MONGO_URL"], addresses["MONGO_DATABASE"], url, coins, snapshots)
        process = stack.enter_context(_loop(home, every_seconds, bench))
        try:
            return _watched(process, addresses["POSTGRES_URL"], 1 + cycles)
        finally:
            process.terminate()
            process.wait(timeout=120)


def _fill(mongo_url: str, database: str, source_url: str, coins: int, snapshots: int) -> None:
    """Store snapshots with times between the start of the current hour and now."""
    with CoinCapClient(source_url) as client:
        template = raw_batch(client.snapshot(coins))
    now, hour = datetime.now(UTC), _this_hour()
    step = (now - hour) / (snapshots + 1)
    moments = [hour + step * (number + 1) for number in range(snapshots)]
    with MongoClient[dict[str, Any]](mongo_url, tz_aware=True) as client:
        loading.insert(client[database], (_stamped(template, moment) for moment in moments))


def _stamped(template: RawBatch, moment: datetime) -> Snapshot:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    times = {"observed_at": moment, "fetched_at": moment}
    documents = [
        {**one, **times, "_id": f"{one['coin_id']}@{moment.isoformat()}@000000000000"}
        for one in template.documents
    ]
    first = template.fetches[0]
    asked = {"coins_asked": len(documents), "coins_received": len(documents)}
    return Snapshot({**first, **times, **asked, "_id": f"{moment.isoformat()}@0"}, documents)


def _loop(home: Home, every_seconds: int, bench: Bench) -> "subprocess.Popen[bytes]":
    log = bench.log(f"warm {home.checkout.name}")
    with log.open("wb") as output:
        return subprocess.Popen(
            [home.checkout.command, "run", "--every", str(every_seconds)],
            env=home.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _watched(process: "subprocess.Popen[bytes]", postgres_url: str, wanted: int) -> list[float]:
    """Wait until this many snapshots are visible; return the seconds that each of them took."""
    seen = datetime.now(UTC)
    times: list[float] = []
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        while len(times) < wanted:
            time.sleep(_POLL_SECONDS)
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(
                    f"`run --every` published {len(times)} of {wanted} snapshots; exit code "
                    f"{process.poll()}"
                )
            for observed_at, answered_at in connection.execute(_NEW, [seen]).fetchall():
                seen = observed_at
                times.append((datetime.now(UTC) - answered_at).total_seconds())
                deadline = time.monotonic() + _TIMEOUT_SECONDS
    return times
