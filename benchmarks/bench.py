"""The state that all cases of one `make bench` share: options, the MongoDB server, and logs.

A case compares several ways: implementations, versions of the product, or commands.

What goes here: this state, and the order of the runs. What stays out: the cases.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from benchmarks import loading
from benchmarks.servers import Server, fastest_server
from benchmarks.workload import WORKLOADS, Workload

Way = TypeVar("Way")


@dataclass(frozen=True)
class Lake:
    """A workload, stored in a database on the server; the measured ways only read it."""

    url: str
    database: str
    workload: Workload


@dataclass
class Bench:
    """The options, and the MongoDB server, which is started when a case first needs it.

    Attributes:
        scale: share of each workload to use; below 1 for trials.
        runs: runs per way; None means the case's default.
        ways: names of the ways to run, for trials; None means all.
        folder: folder for the logs; it is kept if an error ends the `with` block.
    """

    scale: float = 1.0
    runs: int | None = None
    ways: frozenset[str] | None = None
    folder: Path = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)
    _server: Server | None = None
    _logs: int = 0

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="cryptoassets-bench-logs-", dir="/var/tmp"))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if kind is None:
            shutil.rmtree(self.folder)

    @property
    def server(self) -> Server:
        """The server that stores all workloads; started on first use."""
        if self._server is None:
            self._server = self._stack.enter_context(fastest_server())
            self.report(f"documents come from {self._server.kind}")
        return self._server

    @contextmanager
    def lake(self, name: str) -> Iterator[Lake]:
        """Load a workload into its own database, which is deleted when the block ends."""
        workload = WORKLOADS[name].scaled(self.scale)
        database = f"bench_{name}"
        lake = Lake(self.server.url, database, workload)
        try:
            self.report(f"loading {workload.documents:,} documents")
            loading.load(lake.url, database, workload)
            yield lake
        finally:
            loading.drop(lake.url, database)

    def number_of_runs(self, default: int) -> int:
        """Return how many times each way runs."""
        return self.runs or default

    def select_ways(self, ways: Sequence[str]) -> list[str]:
        """Return the ways that the options select."""
        return [way for way in ways if self.ways is None or way in self.ways]

    def log(self, name: str) -> Path:
        """Return the path of a new file for the output of one run."""
        self._logs += 1
        return self.folder / f"{self._logs:03d}-{re.sub('[^a-z0-9]+', '-', name.lower())}.log"

    def report(self, sentence: str) -> None:
        """Print progress."""
        print(f"  {sentence}", flush=True)


def in_turn(ways: Sequence[Way], runs: int) -> Iterator[tuple[int, Way]]:
    """Yield the round's number and the way, for each run.

    The order is reversed after each round, so that a gradual change in the machine's speed affects
    all ways equally.
    """
    for number in range(runs):
        for way in ways if number % 2 == 0 else reversed(ways):
            yield number, way
