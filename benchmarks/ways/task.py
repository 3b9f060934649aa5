"""The task of a way. One way runs without the product, so this uses only the standard library."""

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
        """The filter for the documents of the span."""
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
    """Read the task of this process."""
    named = os.environ
    return Task(
        named["MONGO_URL"],
        named["MONGO_DATABASE"],
        named["POSTGRES_URL"],
        datetime.fromisoformat(named["BENCH_START"]),
        datetime.fromisoformat(named["BENCH_END"]),
    )


def span_filter(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the filter for the documents of a span, excluding its end."""
    return {"observed_at": {"$gte": start, "$lt": end}}


class Marks:
    """Measures the seconds between marks, and prints them for the measuring process."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def mark(self, name: str) -> None:
        """Store the seconds since the last mark under this name."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now

    def print(self) -> None:
        """Print all marks."""
        print(_MARKS + json.dumps(self.seconds), flush=True)


def marks_in(output: str) -> dict[str, float]:
    """Return the marks in a process's output, if any."""
    lines: Iterator[str] = (line for line in output.splitlines() if line.startswith(_MARKS))
    return {name: float(s) for line in lines for name, s in json.loads(line[len(_MARKS) :]).items()}
