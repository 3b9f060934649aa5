"""`python -m benchmarks.soak`: runs many micro-batches in a row, and measures what grows.

The loop is `cryptoassets run --every 1`. Usually, a batch runs once a minute. Here, batches follow
each other without a pause, so N batches do the work of N minutes. The loop's Dagster runs, and
PostgreSQL's dead rows and dropped tables, are deleted sooner than usual, so that deletion is
measured as well. With more than 60 batches, each batch has fewer coins. Otherwise, the hour would
have more rows than in real use, and reading them would take more memory.

What goes here: growth during one long run. What stays out: latencies (in `cases.warm`).
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import linear_regression
from urllib.parse import urlsplit

import psutil
import psycopg

from benchmarks.homes import Home, fresh_home
from benchmarks.supervisor import pss_mb
from cryptoassets.embedded.databases import with_database

FEWEST_BATCHES = 6
WARM_UP_SHARE = 1 / 3
"""Share of the samples, from the start, that the slopes leave out.

During that time, caches still fill, and no run is old enough to be deleted.
"""
_LOOP = """
import sys
from datetime import timedelta
from cryptoassets.operations.memory import limit_memory
limit_memory()  # The command calls this before the imports, too.
from cryptoassets.operations import batches
batches.RUNS_KEPT_FOR = timedelta(seconds={kept_seconds})
from cryptoassets.cli import main
sys.argv = ["cryptoassets", "run", "--every", "1"]
main()
"""
_BATCH_MARKS = ("✓", "✗")
"""How the line of a batch starts if the batch succeeded or failed."""


@dataclass(frozen=True)
class Sample:
    """Figures after a batch, for the loop (with its JVM and workers) and the embedded servers.

    Spark starts and ends Python workers as it needs them, so their number and memory vary.
    """

    loop_mb: float
    workers_mb: float
    jvm_mb: float
    servers_mb: float
    handles: int
    postgres_connections: int
    mongo_connections: int
    event_rows: int
    files: int
    disk_mb: float


LIMITS = {
    "loop_mb": 0.2,
    "workers_mb": 0.5,
    "jvm_mb": 0.5,
    "servers_mb": 0.5,
    "handles": 0.1,
    "postgres_connections": 0.02,
    "mongo_connections": 0.02,
    "event_rows": 1.0,
    "files": 2.0,
    "disk_mb": 0.5,
}
"""The largest allowed growth of each figure per batch."""


def main() -> int:
    """Run the batches and print the table; return 1 if a figure grows faster than its limit.

    The exit code is also 1 if a batch failed or not all batches ran.
    """
    options = _options()
    # Like Ctrl-C, SIGTERM stops the servers and shows what has been measured.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    samples: list[Sample] = []
    failed = 0
    with (
        fresh_home(COINCAP_COINS=str(_coins(options.batches))) as home,
        suppress(KeyboardInterrupt),
        closing(_samples(home, options.batches, options.kept_seconds)) as found,
    ):
        for sample in found:
            failed += sample is None
            samples += [sample] if sample else samples[-1:]
    if len(samples) < FEWEST_BATCHES:
        print(
            f"At least {FEWEST_BATCHES} batches must succeed; only {len(samples)} did",
            file=sys.stderr,
        )
        return 1
    return _report(samples, failed, options.batches)


def _coins(batches: int) -> int:
    """Return the coins per batch: 100, or fewer if there are more than 60 batches."""
    return min(100, max(10, 60 * 100 // batches))


def _report(samples: list[Sample], failed: int, batches: int) -> int:
    rest = samples[round(len(samples) * WARM_UP_SHARE) :]
    exit_code = 1 if failed or len(samples) < batches else 0
    print(f"{len(samples)} batches, {failed} failed")
    print("| | start | middle | end | per batch |\n|---|---|---|---|---|")
    for name in (one.name for one in fields(Sample)):
        values = [float(getattr(sample, name)) for sample in samples]
        slope = linear_regression(range(len(rest)), [float(getattr(s, name)) for s in rest]).slope
        shown = [f"{values[at]:,.0f}" for at in (0, len(values) // 2, -1)]
        is_growing = slope > LIMITS[name]
        exit_code = max(exit_code, is_growing)
        print(f"| {name} | {' | '.join(shown)} | {slope:+.2f}{' GROWS' if is_growing else ''} |")
    return exit_code


def _samples(home: Home, batches: int, kept_seconds: float) -> Generator[Sample | None, None, None]:
    """Run batches; yield a sample after each successful batch, and None after a failed one."""
    probe = _Probe(home)
    _hasten_deletion(probe.postgres_url)
    with _loop(home, kept_seconds) as lines:
        done = 0
        for line in lines:
            if not line.startswith(_BATCH_MARKS):
                continue
            print(line.rstrip(), file=sys.stderr, flush=True)
            yield probe.sample() if line.startswith(_BATCH_MARKS[0]) else None
            done += 1
            if done == batches:
                break


@contextmanager
def _loop(home: Home, kept_seconds: float) -> Iterator[Iterator[str]]:
    """Run the loop, yield the lines that it prints, and finally stop it as Ctrl-C does."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _LOOP.format(kept_seconds=kept_seconds)],
            env={**home.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - for mypy: it is a pipe
        with process:
            try:
                yield iter(process.stdout)
            finally:
                process.send_signal(signal.SIGTERM)
                process.stdout.read()


def _hasten_deletion(postgres_url: str) -> None:
    """Let PostgreSQL vacuum tables and make checkpoints as often as its settings allow."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        # The files of dropped tables are deleted by the next checkpoint.
        connection.execute("ALTER SYSTEM SET checkpoint_timeout = '30s'")
        connection.execute("SELECT pg_reload_conf()")


class _Probe:
    """Measures the loop, which is this process's child, and the home's servers."""

    def __init__(self, home: Home) -> None:
        addresses = home.addresses()
        self._folder = home.folder
        self.postgres_url = addresses["POSTGRES_URL"]
        self._dagster_url = with_database(self.postgres_url, "dagster")
        names = ("POSTGRES_URL", "MONGO_URL", "COINCAP_URL")
        ports = {name: urlsplit(addresses[name]).port for name in names}
        self._postgres_port, self._mongo_port = ports["POSTGRES_URL"], ports["MONGO_URL"]
        listening = {
            one.laddr.port: one.pid
            for one in psutil.net_connections("tcp")
            if one.laddr and one.status == psutil.CONN_LISTEN
        }
        self._servers = [listening[port] for port in ports.values() if port]

    def sample(self) -> Sample:
        """Measure once."""
        own = psutil.Process().children(recursive=True)
        roots = [psutil.Process(pid) for pid in self._servers if pid]
        servers = [*roots, *(child for one in roots for child in one.children(recursive=True))]
        handles = 0
        memory = {"loop": 0.0, "workers": 0.0, "jvm": 0.0, "servers": 0.0}
        for kind, processes in (("loop", own[:1]), ("workers", own[1:]), ("servers", servers)):
            for process in processes:
                with suppress(psutil.Error, OSError):
                    is_jvm = process.name() == "java"
                    memory["jvm" if is_jvm else kind] += pss_mb(process.pid)
                    handles += process.num_fds()
        sizes = [file.lstat().st_size for file in _files(self._folder)]
        with psycopg.connect(self._dagster_url) as connection:
            (events,) = connection.execute("SELECT count(*) FROM event_logs").fetchone() or (0,)
        return Sample(
            memory["loop"],
            memory["workers"],
            memory["jvm"],
            memory["servers"],
            handles,
            self._connections(self._postgres_port),
            self._connections(self._mongo_port),
            int(events),
            len(sizes),
            sum(sizes) / 1e6,
        )

    @staticmethod
    def _connections(port: int | None) -> int:
        return sum(
            one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
            for one in psutil.net_connections("tcp")
            if one.laddr
        )


def _files(folder: Path) -> Iterator[Path]:
    # Files may disappear while they are listed, so a plain glob is not enough.
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            with suppress(OSError):
                file.lstat()
                yield file


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--batches", type=int, default=60, help="number of batches")
    parser.add_argument(
        "--kept-seconds", type=float, default=60, help="how long Dagster keeps the loop's runs"
    )
    return parser.parse_args()


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    sys.exit(code)
