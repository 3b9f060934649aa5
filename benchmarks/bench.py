"""What all cases share: how much to do, the lake to read from, where logs go.

What goes here: one `make bench` from its options to its end. What stays out: the cases.
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
    """A workload in a database of the server; ways only read it."""

    url: str
    database: str
    workload: Workload


@dataclass
class Bench:
    """Options, and what is started when a case first asks for it.

    Attributes:
        scale: share of each workload; below 1 nothing is kept, it is for trying.
        runs: of each way, in place of the case's own number; None: as the case has it.
        ways: only these, for trying; None: all.
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
        """The server of all lakes; started on first use."""
        if self._server is None:
            self._server = self._stack.enter_context(fastest_server())
            self.say(f"documents come from {self._server.kind}")
        return self._server

    @contextmanager
    def lake(self, name: str) -> Iterator[Lake]:
        """A workload, loaded for the block."""
        workload = WORKLOADS[name].scaled(self.scale)
        database = f"bench_{name}"
        lake = Lake(self.server.url, database, workload)
        try:
            self.say(f"loading {workload.documents:,} documents")
            loading.load(lake.url, database, workload)
            yield lake
        finally:
            loading.drop(lake.url, database)

    def number_of_runs(self, of_case: int) -> int:
        """How often each way runs."""
        return self.runs or of_case

    def chosen(self, ways: Sequence[str]) -> list[str]:
        """The ways of a case that are wanted."""
        return [way for way in ways if self.ways is None or way in self.ways]

    def log(self, name: str) -> Path:
        """A file for the output of one run."""
        self._logs += 1
        return self.folder / f"{self._logs:03d}-{re.sub('[^a-z0-9]+', '-', name.lower())}.log"

    def say(self, words: str) -> None:
        """Print what goes on."""
        print(f"  {words}", flush=True)


def in_turn(ways: Sequence[Way], runs: int) -> Iterator[tuple[int, Way]]:
    """Number and way of each run: forwards, backwards, so that a drift of the machine hits all."""
    for number in range(runs):
        for way in ways if number % 2 == 0 else reversed(ways):
            yield number, way
