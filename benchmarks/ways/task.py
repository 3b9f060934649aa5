"""The task of a benchmarked program, and the timing marks that the program prints.

One of the programs runs without the product, so this module uses only the standard library.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

BATCH = 20_000
_MARKS = "MARKS "


@dataclass(frozen=True)
class Task:
    """The stores, and the span of `observed_at` to publish."""

    mongo_url: str
    database: str
    postgres_url: str
    start: datetime
    end: datetime

    @property
    def documents(self) -> dict[str, Any]:
        """The MongoDB filter for the documents of the span."""
        return span_filter(self.start, self.end)

    def as_environment(self) -> dict[str, str]:
        """Return the variables that `task_from_environment` reads."""
        return {
            "MONGO_URL": self.mongo_url,
            "MONGO_DATABASE": self.database,
            "POSTGRES_URL": self.postgres_url,
            "BENCH_START": self.start.isoformat(),
            "BENCH_END": self.end.isoformat(),
        }


def task_from_environment() -> Task:
    """Read this process's task from its environment variables."""
    named = os.environ
    return Task(
        named["MONGO_URL"],
        named["MONGO_DATABASE"],
        named["POSTGRES_URL"],
        datetime.fromisoformat(named["BENCH_START"]),
        datetime.fromisoformat(named["BENCH_END"]),
    )


def span_filter(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the MongoDB filter for the documents of a span, whose end is exclusive."""
    return {"observed_at": {"$gte": start, "$lt": end}}


class Marks:
    """Measures how long the steps of a program take, and prints this for the measuring process.

    The program sets a mark at the end of each step.
    """

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def mark(self, name: str) -> None:
        """End the step with this name; store the seconds since the last mark."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now

    def print(self) -> None:
        """Print all marks."""
        print(_MARKS + json.dumps(self.seconds), flush=True)


def marks_in(output: str) -> dict[str, float]:
    """Return the marks in a process's output: the seconds of each step, by name."""
    lines: Iterator[str] = (line for line in output.splitlines() if line.startswith(_MARKS))
    return {name: float(s) for line in lines for name, s in json.loads(line[len(_MARKS) :]).items()}
