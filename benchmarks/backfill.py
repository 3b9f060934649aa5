"""Runs `cryptoassets backfill` for 90 days of 100 coins against a source with injected faults.

    python -m benchmarks.backfill [--days 90] [--coins 100] [--kill-after 40] [--clean]

The source is the simulator without the header that identifies it. Without this header, the product
counts credits for its calls, as it does with CoinCap. The output shows durations, points,
duplicates, gaps, and the credits that the ledger and the source have counted. With `--kill-after N`
the command is killed with SIGKILL once N days are published, and then started again.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.service import Service
from cryptoassets.coincap_server.sources import simulated_source

COMMAND = (sys.executable, "-m", "cryptoassets.cli")
HISTORY = "/assets/{slug}/history"
FAULTS: list[dict[str, Any]] = [
    {"route": "/assets/dogecoin/history", "kind": "status", "status": 404},
    {"route": HISTORY, "kind": "status", "status": 400, "after": 5, "times": 1},
    {
        "route": HISTORY,
        "kind": "status",
        "status": 429,
        "retry_after": "1",
        "after": 20,
        "times": 8,
    },
    {"route": HISTORY, "kind": "reset", "after": 60, "times": 4},
    {"route": HISTORY, "kind": "truncated_gzip", "after": 90, "times": 3},
    {"route": HISTORY, "kind": "status", "status": 503, "after": 150, "times": 6},
    {"route": "/assets/solana/history", "kind": "reset"},
]


class AnonymousService:
    """The simulator without the header that identifies it, so that it looks like CoinCap."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, request: Request) -> HttpResponse:
        """Answer the request without the identifying header."""
        wire = self._service.answer(request)
        kept = {name: text for name, text in wire.headers.items() if "Source" not in name}
        return HttpResponse(wire.status, wire.body, kept, wire.transfer_fault)


def request_source(url: str, faults: list[dict[str, Any]] | None = None) -> Any:
    """Read JSON from the source (GET), or set its faults if they are given (PUT)."""
    body = None if faults is None else json.dumps(faults).encode()
    method = "GET" if faults is None else "PUT"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
        return json.load(response)


def backfill(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    """Start `cryptoassets backfill`."""
    return subprocess.Popen([*COMMAND, "backfill", *arguments], env=environment)


def start_stores(environment: dict[str, str]) -> str:
    """Start the stores; return PostgreSQL's URL."""
    subprocess.run([*COMMAND, "up"], env=environment, check=True)
    printed = subprocess.run(
        [*COMMAND, "env"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    named = dict(line.split("=", 1) for line in printed.splitlines())
    return named["POSTGRES_URL"].strip("'")


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Query PostgreSQL; return no rows if a table does not exist yet."""
    with psycopg.connect(url) as connection:
        try:
            return connection.execute(statement).fetchall()
        except psycopg.errors.UndefinedTable:
            return []


def kill_when(postgres: str, process: subprocess.Popen[bytes], days: int) -> None:
    """Kill the command once this many days are published."""
    while process.poll() is None:
        time.sleep(0.5)
        published = len(query(postgres, "SELECT FROM warehouse.loads"))
        if published >= days:
            process.send_signal(signal.SIGKILL)
            process.wait()
            print(f"killed after {published} days were published")


def report(postgres: str, url: str) -> None:
    """Print what PostgreSQL contains, and the calls and credits that the source has counted."""
    facts = {
        "rows, coins, duplicates": "SELECT count(*), count(DISTINCT coin_id), count(*) - count("
        "DISTINCT (coin_id, observed_at)) FROM warehouse.coin_price_history",
        "days; raw, loaded, superseded, quarantined rows": "SELECT count(*), sum(raw_rows), "
        "sum(loaded_rows), sum(superseded_rows), sum(quarantined_rows) FROM warehouse.loads",
        "gaps (coin, start, end, healed, unfillable)": "SELECT coin_id, gap_start, gap_end, "
        "healed_at, unfillable FROM warehouse.gaps",
        "credit ledger (route, calls, credits)": "SELECT route, count(*), sum(counted) "
        "FROM warehouse.credits GROUP BY 1",
        "transactions that wrote the ledger's rows; these rows": "SELECT count(DISTINCT "
        "xmin::text), count(*) FROM warehouse.loads",
    }
    for name, statement in facts.items():
        print(f"{name}: {query(postgres, statement)}")
    print(f"calls and credits counted by the source: {request_source(f'{url}/calls')}")


def _end_of(process: "subprocess.Popen[bytes]", started: float) -> str:
    """Wait for a command; return its exit code, and the time since the first command started."""
    code = process.wait()
    return f"exit {code}, {time.monotonic() - started:.0f} s after the start"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--coins", type=int, default=100)
    parser.add_argument(
        "--kill-after", type=int, help="kill the command once this many days are published"
    )
    parser.add_argument("--clean", action="store_true", help="inject no faults")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="backfill-", dir="/var/tmp"))
    home.chmod(0o755)
    since = (datetime.now(UTC) - timedelta(days=options.days)).strftime("%Y-%m-%d")
    with make_server(AnonymousService(simulated_source(1))) as server:
        environment = os.environ | {
            "CRYPTOASSETS_HOME": str(home),
            "COINCAP_URL": server.url,
            "COINCAP_COINS": str(options.coins),
            "COINCAP_MONTHLY_CREDITS": "0",
        }
        try:
            request_source(f"{server.url}/faults", [] if options.clean else FAULTS)
            postgres = start_stores(environment)
            started = time.monotonic()
            process = backfill(environment, "--from", since)
            if options.kill_after:
                kill_when(postgres, process, options.kill_after)
                print(f"calls before the kill: {request_source(f'{server.url}/calls')}")
                process = backfill(environment, "--from", since)
            print(_end_of(process, started))
            report(postgres, server.url)
            request_source(f"{server.url}/faults", FAULTS[:1] if not options.clean else [])
            process = backfill(environment, "--from", since)
            print(f"second pass: {_end_of(process, started)}")
            process = backfill(environment, "--from", since, "--gaps")
            print(f"gaps only: {_end_of(process, started)}")
            report(postgres, server.url)
            subprocess.run([*COMMAND, "audit"], env=environment, check=False)
        finally:
            subprocess.run([*COMMAND, "down", "--erase", "-y"], env=environment, check=False)
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
