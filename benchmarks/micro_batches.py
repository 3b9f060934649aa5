"""`run --every`: from the answer of the API to the queryable row, in the first and last minute.

Run it in the project's environment:
`.venv/bin/python benchmarks/micro_batches.py [coins] [snapshots before] [cycles] [seconds]`.

The command runs as its user starts it, in stores of its own in a temporary folder, against a
simulated source with as many coins as are asked for. The open hour is filled beforehand with the
snapshots of its earlier minutes (0: the first minute; 58: the last). Another connection asks
PostgreSQL every 50 ms what is there: the time of a snapshot is from `fetched_at`, when its answer
was complete, to the moment at which that connection sees its rows. The first cycle, which reads and
judges the hour whole, is told apart. Memory is the PSS of the command and its JVM.
"""

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.coincap.server import make_server
from cryptoassets.coincap.service import Service
from cryptoassets.coincap.simulator.coins import Coin, simulated_coins
from cryptoassets.coincap.simulator.market import Market
from cryptoassets.coincap.simulator.routes import SimulatedContent
from cryptoassets.embedded import Stack
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings

COMMAND = Path(sys.executable).parent / "cryptoassets"
NEW = (
    "SELECT observed_at, max(fetched_at), count(*) FROM warehouse.coin_prices "
    "WHERE observed_at > %s GROUP BY 1 ORDER BY 1"
)


def serve(coins: int) -> None:
    """Serve a market of that many coins until killed; print the address."""
    with make_server(Service(SimulatedContent(Market(0, coins=many_coins(coins))))) as server:
        print(server.url, flush=True)
        signal.pause()


def many_coins(count: int) -> tuple[Coin, ...]:
    """The simulated coins again and again, each time under other names and at lower prices."""
    known = simulated_coins()
    rounds = range(math.ceil(count / len(known)))
    coins = [
        coin
        if number == 0
        else replace(
            coin, id=f"{coin.id}-{number}", price_usd=coin.price_usd * 0.9**number, follows=None
        )
        for number in rounds
        for coin in known
    ]
    return tuple(coins[:count])


@contextmanager
def source(coins: int) -> Iterator[str]:
    """A server of simulated coins in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(coins)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        announced = server.stdout.readline() if server.stdout else ""
        try:
            yield f"{announced.strip()}/v3"
        finally:
            server.terminate()


def fill(stack: Stack, coins: int, snapshots: int) -> None:
    """Store earlier snapshots of the open hour, all before now."""
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    step = (now - hour) / (snapshots + 1)
    with (
        CoinCapClient(stack.source_url()) as client,
        MongoClient[dict[str, Any]](stack.mongo_url()) as server,
    ):
        template = raw_batch(client.snapshot(coins))
        for number in range(snapshots):
            moment = hour + step * (number + 1)
            moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
            stamped = {"observed_at": moment, "fetched_at": moment}
            server.datalake.coin_snapshots.insert_many(
                {**one, **stamped, "_id": f"{one['coin_id']}@{moment.isoformat()}@{number:012d}"}
                for one in template.documents
            )
            server.datalake.snapshot_fetches.insert_many(
                {**one, **stamped, "_id": f"{moment.isoformat()}@{one['offset']}"}
                for one in template.fetches
            )


def watch(process: "subprocess.Popen[str]", snapshots: int, wanted: int) -> None:
    """Print a line for each snapshot that becomes visible; at the end what they have in common."""
    seen = datetime.now(UTC)
    times: list[float] = []
    with PostgresResource().connect(autocommit=True) as connection:
        while len(times) < wanted and process.poll() is None:
            time.sleep(0.05)
            for observed_at, answered_at, rows in connection.execute(NEW, [seen]).fetchall():
                seconds = (datetime.now(UTC) - answered_at).total_seconds()
                seen = observed_at
                times.append(seconds)
                load, sizes = os.getloadavg()[0], memory(process.pid)
                print(
                    f"{observed_at:%H:%M:%S}  {rows:,} rows  {seconds:5.1f} s  load {load:.1f}  "
                    + "  ".join(f"{name} {size:,.0f} MB" for name, size in sizes.items()),
                    flush=True,
                )
    warm = sorted(times[1:])
    if warm:
        median, slow = (warm[math.ceil(share * len(warm)) - 1] for share in (0.5, 0.95))
        print(
            f"after {snapshots} snapshots: first {times[0]:.1f} s; then median {median:.1f} s, "
            f"p95 {slow:.1f} s, slowest {warm[-1]:.1f} s of {len(warm)}"
        )


def memory(pid: int) -> dict[str, float]:
    """PSS, MB, of the command and of its JVM."""
    command = psutil.Process(pid)
    sizes = {"python": command.memory_full_info().pss / 1e6, "java": 0.0}
    for child in command.children(recursive=True):
        if "java" in child.name():
            sizes["java"] += child.memory_full_info().pss / 1e6
    return sizes


def main(coins: int, snapshots: int, cycles: int, seconds: float) -> None:
    """Fill, run, watch."""
    stack = Stack(load_settings())
    stack.up()
    try:
        started = time.monotonic()
        fill(stack, coins, snapshots)
        print(f"{coins * snapshots:,} documents put there in {time.monotonic() - started:.0f} s")
        if snapshots == 0:
            started = time.monotonic()
            subprocess.run([COMMAND, "run"], check=True, stdout=subprocess.DEVNULL)
            print(f"`run` once, cold: {time.monotonic() - started:.1f} s in all")
        command = [str(COMMAND), "run", "--every", f"{seconds:g}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            watch(process, snapshots, cycles + 1)
            asked = time.monotonic()
            process.terminate()
            told = process.communicate()[0]
        print(f"ended {time.monotonic() - asked:.1f} s after SIGTERM, {told.splitlines()[-1]}")
    finally:
        stack.down(erase=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
        sys.exit()
    defaults = [100, 0, 20, 60]
    given = [float(value) for value in sys.argv[1:]] + defaults[len(sys.argv) - 1 :]
    number_of_coins, before, wanted_cycles = (int(value) for value in given[:3])
    with source(number_of_coins) as url, tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "CRYPTOASSETS_HOME": home,
            "COINCAP_URL": url,
            "COINCAP_COINS": str(number_of_coins),
        }
        main(number_of_coins, before, wanted_cycles, given[3])
