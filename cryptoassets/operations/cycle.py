"""One micro-batch: fetch, process the new documents, and compute marts if there is time.

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
from cryptoassets.facts import Fact
from cryptoassets.operations.left_behind import (
    days_left_behind,
    partitions_left_behind,
    started_partitions,
)
from cryptoassets.operations.other_flows import run_other_flows
from cryptoassets.operations.progress import number_of
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.operations.session import open_stores
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.clean_folders import require_full_read
from cryptoassets.upkeep.coins import repair_coins
from cryptoassets.upkeep.earlier_data import earlier_publications

BATCH_TAG = "cryptoassets/every"
"""Tag on each run of a loop, by which the loop finds its own runs; its value is the interval."""

LATEST_MARTS_SECONDS = 600
"""Stale marts are computed at least this often, even if the pause between cycles is too short."""

_RAW, _PRICES = "raw/coin_snapshots", "warehouse/coin_prices"


@dataclass
class Cycle:
    """What one cycle did.

    Attributes:
        outcome: the outcome of its jobs.
        is_done: every job that was due succeeded.
        answer_to_row_seconds: time from the source's complete answer to the published rows; None:
            nothing was fetched, or nothing was published.
        seconds: duration of the whole cycle, checks and marts included.
    """

    outcome: Outcome
    is_done: bool = False
    answer_to_row_seconds: float | None = None
    seconds: float = 0.0

    @property
    def documents(self) -> int:
        """Number of new raw documents."""
        return self._count(_RAW, Fact.DOCUMENTS_NEW)

    @property
    def rows(self) -> int:
        """Number of rows written to `warehouse.coin_prices`."""
        return self._count(_PRICES, Fact.ROWS_WRITTEN)

    def words(self) -> Iterator[str]:
        """Yield the parts of the summary, a few words each."""
        raw = self._facts(_RAW)
        skipped = {facts[Fact.SKIPPED] for facts in raw if Fact.SKIPPED in facts}
        yield from (f"skipped: {why}" for why in sorted(skipped))
        for facts in raw:
            if Fact.NEXT_FETCH_AT in facts:
                yield f"next fetch at {facts[Fact.NEXT_FETCH_AT]}"
        if not skipped:
            yield f"{number_of(self.documents, 'document')} new"
            yield f"{number_of(self.rows, 'row')} written"
        if self.answer_to_row_seconds is not None:
            yield f"answer to row {self.answer_to_row_seconds:.1f} s"
        failed, warned = len(self.outcome.failures), len(self.outcome.warnings)
        if self.outcome.checks_passed or failed or warned:
            yield f"checks {self.outcome.checks_passed} passed, {warned} warned, {failed} failed"
        yield f"cycle {self.seconds:.1f} s"

    def _count(self, asset: str, fact: Fact) -> int:
        return sum(facts.get(fact, 0) for facts in self._facts(asset))

    def _facts(self, asset: str) -> list[dict[str, Any]]:
        return [facts for (name, _), facts in self.outcome.facts.items() if name == asset]


@dataclass
class Cycles:
    """Runs cycles one after the other and keeps track of unfinished work.

    Attributes:
        tags: tags of each run of the loop.
        unprocessed: hours with documents that `process` has not yet processed successfully.
        stale_days: days whose marts are stale.
    """

    tags: dict[str, str]
    unprocessed: set[str] = field(default_factory=set)
    stale_days: set[str] = field(default_factory=set)
    _is_first: bool = True
    _looked_back_in_hour: str = ""
    _ran_others_in_hour: str = ""
    _seconds_per_day: float = 0.0
    _marts_at: float = float("-inf")

    def run(self, runner: Runner, ends_by: float) -> Cycle:
        """Run one cycle.

        Args:
            runner: executes the jobs.
            ends_by: when the next cycle is due, a value of `time.monotonic()`.
        """
        started = time.monotonic()
        runner.outcome = Outcome()
        cycle = Cycle(runner.outcome)
        try:
            is_fetched = self._fetch(runner)
            cycle.is_done = self._process(runner, cycle) and is_fetched
            cycle.is_done = self._run_other_flows(runner) and cycle.is_done
            if cycle.is_done and self.stale_days and self._has_time_for_marts(ends_by):
                cycle.is_done = self._compute_marts(runner, ends_by)
        except (
            CryptoassetsError,
            DagsterError,
            SQLAlchemyError,
            psycopg.Error,
            PyMongoError,
            OSError,
        ) as error:
            # An error outside a step: for example, the database of Dagster's runs is down.
            cycle.is_done = False
            runner.outcome.errors.add(type(error).__name__)
            runner.outcome.failures.append(str(error).strip().partition("\n")[0])
        cycle.seconds = time.monotonic() - started
        return cycle

    def _fetch(self, runner: Runner) -> bool:
        """Fetch documents and record their hours; once per hour, look for unfinished work."""
        now = datetime.now(UTC)
        hour = now.strftime("%Y-%m-%d-%H:00")
        if self._looked_back_in_hour != hour:
            self._look_back(runner, now)
            self._looked_back_in_hour = hour
        is_done = runner.execute("ingest", hour, tags=self.tags)
        for (asset, partition), facts in runner.outcome.facts.items():
            new = facts.get(Fact.DOCUMENTS_NEW, facts.get(Fact.DOCUMENTS_RECEIVED, 0))
            rows = runner.outcome.materialized[asset, partition]
            if asset == _RAW and rows and (new or self._is_first):
                self.unprocessed.add(partition)
                self._is_first = False
        return is_done

    def _look_back(self, runner: Runner, now: datetime) -> None:
        """Record the hours and days, of any age, that earlier runs left unfinished."""
        with open_stores() as stores:
            waiting = partitions_left_behind(stores, now)
            stale = days_left_behind(stores.postgres)
            earlier = earlier_publications(stores.postgres)
        self.unprocessed |= waiting.keys
        self.stale_days |= stale.keys
        for sentence in filter(None, (waiting.warning, stale.warning, earlier)):
            runner.warn(sentence)

    def _process(self, runner: Runner, cycle: Cycle) -> bool:
        is_done = True
        days = set()
        for place, partition in enumerate(reversed(started_partitions(self.unprocessed))):
            if runner.execute("process", partition, tags=self.tags):
                days.add(partition[:10])
            else:
                is_done = False
                # The existing Parquet may be the cause, so the next run judges all raw documents.
                require_full_read(SNAPSHOT_FLOW.clean, partition_window(partition))
                # The next cycle retries the newest hour. Older hours are retried once per hour:
                # one that always fails must not fail every cycle and thereby end the loop.
                if place == 0:
                    continue
            self.unprocessed.remove(partition)
        self.stale_days |= days
        if days - {str(datetime.now(UTC).date())}:
            # The marts of later days depend on these days, so they are stale, too.
            self.stale_days |= days_left_behind(PostgresResource()).keys
        if any(facts.get(Fact.ROWS_REMOVED) for facts in runner.outcome.facts.values()):
            # A changed rule may have quarantined the document from which a coin's row was made.
            repair_coins(PostgresResource())
        if is_done:
            cycle.answer_to_row_seconds = _answer_to_row(runner.outcome)
        return is_done

    def _run_other_flows(self, runner: Runner) -> bool:
        """Run the other flows once per hour, after new prices have been processed."""
        if self._ran_others_in_hour == self._looked_back_in_hour:
            return True
        self._ran_others_in_hour = self._looked_back_in_hour
        with open_stores() as stores:
            return run_other_flows(stores, runner, datetime.now(UTC), self.tags)

    def _has_time_for_marts(self, ends_by: float) -> bool:
        now = time.monotonic()
        return now + self._seconds_per_day < ends_by or now > self._marts_at + LATEST_MARTS_SECONDS

    def _compute_marts(self, runner: Runner, ends_by: float) -> bool:
        """Compute marts of the newest day and one older day, and of further days if time permits.

        Among the older days the oldest comes first, because later days depend on it.
        """
        is_done = True
        *older, newest = sorted(self.stale_days)
        for place, day in enumerate([newest, *older]):
            started = time.monotonic()
            # Compute at least one older day; without spare time, none would ever be computed.
            if place > 1 and started + self._seconds_per_day > ends_by:
                break
            if not runner.execute("marts", day, tags=self.tags):
                is_done = False
                # As in `_process`: the next cycle retries the newest day; older days wait an hour.
                if place == 0:
                    continue
            self.stale_days.remove(day)
            self._marts_at = time.monotonic()
            self._seconds_per_day = self._marts_at - started
        return is_done


def _answer_to_row(outcome: Outcome) -> float | None:
    found = outcome.facts.items()
    answered = [facts[Fact.ANSWERED_AT] for _, facts in found if Fact.ANSWERED_AT in facts]
    published = [
        facts[Fact.PUBLISHED_AT]
        for (asset, _), facts in found
        if asset == _PRICES and Fact.PUBLISHED_AT in facts
    ]
    if not answered or not published:
        return None
    between = datetime.fromisoformat(max(published)) - datetime.fromisoformat(max(answered))
    return between.total_seconds()
