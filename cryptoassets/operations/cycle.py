"""One micro-batch: fetch, process the new documents, and make marts where there is time.

What goes here: which jobs a cycle runs for which partitions, and its summary in one line. What
stays out: the loop (in `batches`), executing a job (in `runs`).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from dagster import DagsterError
from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from cryptoassets.errors import CryptoassetsError
from cryptoassets.operations.left_behind import days_left_behind, hours_begun, hours_left_behind
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.operations.session import open_stores
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.clean_folders import require_full_read
from cryptoassets.upkeep.coins import repair_coins

BATCH_TAG = "cryptoassets/every"
"""On each run of a loop, with its interval in seconds; the loop finds its own runs by it."""

LATEST_MARTS_SECONDS = 600
"""Marts that take longer than the pause between cycles are still made this often."""

_RAW, _PRICES = "raw/coin_snapshots", "warehouse/coin_prices"


@dataclass
class Cycle:
    """What one cycle did.

    Attributes:
        outcome: of its jobs.
        is_done: every job that was due succeeded.
        answer_to_row_seconds: from the complete answer of the source to the published rows; None:
            nothing was fetched, or nothing was published.
        seconds: duration of the whole cycle, checks and marts included.
    """

    outcome: Outcome
    is_done: bool = False
    answer_to_row_seconds: float | None = None
    seconds: float = 0.0

    @property
    def documents(self) -> int:
        """Raw documents that were new."""
        return self._count(_RAW, "documents new")

    @property
    def rows(self) -> int:
        """Rows of `warehouse.coin_prices` that were written."""
        return self._count(_PRICES, "rows written")

    def words(self) -> Iterator[str]:
        """The summary in parts of a few words."""
        skipped = {str(facts["skipped"]) for facts in self._facts(_RAW) if "skipped" in facts}
        yield from (f"skipped: {why}" for why in sorted(skipped))
        for facts in self._facts(_RAW):
            if "next fetch at" in facts:
                yield f"next fetch at {facts['next fetch at']}"
        if not skipped:
            yield f"{self.documents:,} documents new"
            yield f"{self.rows:,} rows written"
        if self.answer_to_row_seconds is not None:
            yield f"answer to row {self.answer_to_row_seconds:.1f} s"
        failed, warned = len(self.outcome.failures), len(self.outcome.warnings)
        if self.outcome.checks_passed or failed or warned:
            yield f"checks {self.outcome.checks_passed} passed, {warned} warned, {failed} failed"
        yield f"cycle {self.seconds:.1f} s"

    def _count(self, asset: str, label: str) -> int:
        return sum(int(facts.get(label, 0)) for facts in self._facts(asset))

    def _facts(self, asset: str) -> list[dict[str, Any]]:
        return [facts for (name, _), facts in self.outcome.facts.items() if name == asset]


@dataclass
class Cycles:
    """Runs cycles one after the other and remembers what is still to do.

    Attributes:
        tags: on each run of the loop.
        unprocessed: hours with documents that no successful `process` has seen yet.
        stale_days: days whose marts are stale.
    """

    tags: dict[str, str]
    unprocessed: set[str] = field(default_factory=set)
    stale_days: set[str] = field(default_factory=set)
    _is_first: bool = True
    _looked_back_in: str = ""
    _seconds_per_day: float = 0.0
    _marts_at: float = float("-inf")

    def run(self, runner: Runner, ends_by: float) -> Cycle:
        """Run one cycle.

        Args:
            runner: executes the jobs.
            ends_by: when the next cycle is due, of `time.monotonic`.
        """
        started = time.monotonic()
        runner.outcome = Outcome()
        cycle = Cycle(runner.outcome)
        try:
            is_fetched = self._fetch(runner)
            cycle.is_done = self._process(runner, cycle) and is_fetched
            if cycle.is_done and self.stale_days and self._has_time_for_marts(ends_by):
                cycle.is_done = self._make_marts(runner, ends_by)
        except (
            CryptoassetsError,
            DagsterError,
            SQLAlchemyError,
            psycopg.Error,
            PyMongoError,
            OSError,
        ) as error:
            # Outside of a step: for example, PostgreSQL with Dagster's runs is gone.
            cycle.is_done = False
            runner.outcome.errors.add(type(error).__name__)
            runner.outcome.failures.append(str(error).strip().partition("\n")[0])
        cycle.seconds = time.monotonic() - started
        return cycle

    def _fetch(self, runner: Runner) -> bool:
        """Fetch; note the hours with new documents, and once per hour what was left behind."""
        now = datetime.now(UTC)
        hour = now.strftime("%Y-%m-%d-%H:00")
        if self._looked_back_in != hour:
            self._look_back(runner, now)
            self._looked_back_in = hour
        is_done = runner.execute("ingest", hour, tags=self.tags)
        for (asset, partition), facts in runner.outcome.facts.items():
            new = facts.get("documents new", facts.get("documents received", 0))
            rows = runner.outcome.materialized[asset, partition]
            if asset == _RAW and rows and (new or self._is_first):
                self.unprocessed.add(partition)
                self._is_first = False
        return is_done

    def _look_back(self, runner: Runner, now: datetime) -> None:
        """Note hours and days of any age that earlier runs have left."""
        with open_stores() as stores:
            waiting = hours_left_behind(stores, now)
            stale = days_left_behind(stores.postgres)
        self.unprocessed |= waiting.keys
        self.stale_days |= stale.keys
        for sentence in filter(None, (waiting.rest, stale.rest)):
            runner.warn(sentence)

    def _process(self, runner: Runner, cycle: Cycle) -> bool:
        is_done = True
        days = set()
        for place, partition in enumerate(reversed(hours_begun(self.unprocessed))):
            if runner.execute("process", partition, tags=self.tags):
                days.add(partition[:10])
            else:
                is_done = False
                # The files there may be the cause: the next run judges the hour from raw.
                require_full_read(SNAPSHOT_FLOW.clean, partition_window(partition))
                # The next cycle retries the newest hour, others wait for the next hour: an hour
                # that fails again and again must not end the loop.
                if place == 0:
                    continue
            self.unprocessed.remove(partition)
        self.stale_days |= days
        if days - {str(datetime.now(UTC).date())}:
            # The marts of later days look back on these.
            self.stale_days |= days_left_behind(PostgresResource()).keys
        if any(facts.get("rows removed") for facts in runner.outcome.facts.values()):
            # A rule that has changed since may refuse the document that described a coin.
            repair_coins(PostgresResource())
        if is_done:
            cycle.answer_to_row_seconds = _answer_to_row(runner.outcome)
        return is_done

    def _has_time_for_marts(self, ends_by: float) -> bool:
        now = time.monotonic()
        return now + self._seconds_per_day < ends_by or now > self._marts_at + LATEST_MARTS_SECONDS

    def _make_marts(self, runner: Runner, ends_by: float) -> bool:
        """Make the marts of the newest day and one older day; of more days while there is time."""
        is_done = True
        for place, day in enumerate(sorted(self.stale_days, reverse=True)):
            started = time.monotonic()
            # One older day in each cycle, or cycles without spare time would never make any.
            if place > 1 and started + self._seconds_per_day > ends_by:
                break
            if not runner.execute("marts", day, tags=self.tags):
                is_done = False
                # As with hours: the next cycle retries the newest, others are retried each hour.
                if place == 0:
                    continue
            self.stale_days.remove(day)
            self._marts_at = time.monotonic()
            self._seconds_per_day = self._marts_at - started
        return is_done


def _answer_to_row(outcome: Outcome) -> float | None:
    answered = [facts["answered at"] for facts in outcome.facts.values() if "answered at" in facts]
    published = [
        facts["published at"]
        for (asset, _), facts in outcome.facts.items()
        if asset == _PRICES and "published at" in facts
    ]
    if not answered or not published:
        return None
    between = datetime.fromisoformat(max(published)) - datetime.fromisoformat(max(answered))
    return between.total_seconds()
