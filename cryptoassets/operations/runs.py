"""Jobs executed in this process, and what came of them: the part that operations share.

What goes here: one job for its partitions, its events as they come, and the outcome. What stays
out: which jobs for which partitions (in the operations) and the jobs (in `jobs`).
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cryptoassets.coincap.clocks import CLOCK_FACT, clock_warning
from cryptoassets.embedded.dead_runs import process_tags
from cryptoassets.operations.events import (
    error_names,
    is_interrupt,
    sentence_of,
    step_name,
    unheard_failure,
    words_of,
)
from cryptoassets.operations.interrupts import noticed_interrupts
from cryptoassets.operations.progress import Progress

if TYPE_CHECKING:
    import dagster as dg

# A person who types a command wants data now; the pace of the month is for schedules.
_RUN_TAGS = {"cryptoassets/credits": "down_to_reserve"}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
REPLAY_TAG = "cryptoassets/replay"
"""On runs of partitions of the past."""
CHECKS_OF_THE_PAST = (
    *("newest_snapshot_complete", "newest_snapshot_reliable"),
    *("quarantine_share", "payload_drift", "price_moves", "stale_answer"),
)
"""Checks that report what a person should have known then."""


@dataclass
class Outcome:
    """What the jobs of one operation did.

    Attributes:
        failures: one sentence each: the asset or check, and what went wrong.
        warnings: the same for checks of severity WARN.
        materialized: asset and partition to row count, in the order they were written.
        stopped: why a fetch ended early without a failure: credits.
        facts: asset and partition to the metadata of its materialization, by label.
        errors: names of the errors in `errors` by which steps failed.
        past: in a replay, check and partition to what a person should have known then.
    """

    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checks_passed: int = 0
    materialized: dict[tuple[str, str], int] = field(default_factory=dict)
    stopped: str | None = None
    facts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)
    past: dict[tuple[str, str], str] = field(default_factory=dict)
    source: str = ""
    seconds: float = 0.0

    def forget_partitions(self) -> None:
        """Drop the metadata of each partition, pictures included: there may be thousands."""
        self.materialized.clear()
        self.facts.clear()


class Runner:
    """Executes jobs in this process and reports their events as they come.

    Args:
        progress: receives reports.
        instance: where runs are recorded.
        definitions: of the jobs; None: those that every command has.
        is_replay: partitions of the past are processed again. The operation itself reports each
            partition, and a snapshot that was bad when it came is no failure of today.
        tries_ranges_again: the operation tries the parts of a failed range, so that its failure
            does not count yet; a replay always does.
    """

    def __init__(
        self,
        progress: Progress,
        instance: "dg.DagsterInstance",
        *,
        definitions: "dg.Definitions | None" = None,
        is_replay: bool = False,
        tries_ranges_again: bool = False,
    ) -> None:
        self.progress = progress
        self.instance = instance
        self._is_interrupted = False
        self._is_range = False
        self._definitions = definitions
        self._is_replay = is_replay
        self._tries_ranges_again = tries_ranges_again or is_replay
        self._range_failures: list[str] = []
        self._partitions = ""
        self.outcome = Outcome()

    def warn(self, sentence: str) -> None:
        """Report what is left to do although nothing failed."""
        self.outcome.warnings.append(sentence)
        self.progress.warn(sentence)

    def execute(
        self,
        job: str,
        partition: str,
        *,
        last: str | None = None,
        tags: Mapping[str, str] = MappingProxyType({}),
        assets: Collection[str] = (),
    ) -> bool:
        """Run one job; False when it failed.

        Args:
            job: its name.
            partition: the partition, or the first one of a range.
            last: the last partition of a range, whose materializations are not reported one by
                one; None: there is one partition.
            tags: further tags of the run.
            assets: which of the job, by key; empty: all.
        """
        import dagster as dg

        from cryptoassets.definitions import defs
        from cryptoassets.partitions.policies import range_tags

        self._started, self._is_range, self._range_failures = time.monotonic(), last is not None, []
        self._partitions = partition + (f" to {last}" if last else "")
        if not self._is_replay:
            self.progress.doing(f"{job} {self._partitions}")
        definition = (self._definitions or defs).resolve_job_def(job)
        for key in (partition, last or partition):
            if definition.partitions_def and not definition.partitions_def.has_partition_key(key):
                self._report_failure(f"{job}: {key} lies before 2018 or has not begun")
                return False
        run_id, failed_before = str(uuid4()), len(self.outcome.failures)
        of_range = range_tags(partition, last) if last else {}
        self.instance.add_event_listener(run_id, self._on_event)
        with noticed_interrupts() as has_come:
            result = definition.execute_in_process(
                instance=self.instance,
                partition_key=None if last else partition,
                run_id=run_id,
                run_config=_QUIET,
                tags={**self._tags(run_id), **tags, **of_range},
                asset_selection=[dg.AssetKey.from_user_string(asset) for asset in assets] or None,
                raise_on_error=False,
            )
            is_interrupted = self._is_interrupted or has_come()
        if is_interrupted:
            raise KeyboardInterrupt
        if result.success:
            for sentence in self._range_failures:
                self._report_failure(sentence)
        elif not self._range_failures and len(self.outcome.failures) == failed_before:
            self._report_failure(f"{job} {self._partitions}: {unheard_failure()}")
        return result.success

    def _tags(self, run_id: str) -> dict[str, str]:
        # Set when the run is created: a run killed before its first step must be attributable.
        replay = {REPLAY_TAG: "yes"} if self._is_replay else {}
        return {**_RUN_TAGS, **process_tags(run_id), **replay}

    def _on_event(self, entry: "dg.EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_materialization:
            self._on_materialization(event.step_materialization_data.materialization)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._on_check(event.asset_check_evaluation_data)
        elif event.is_step_failure and is_interrupt(event.step_failure_data.error):
            self._is_interrupted = True
        elif event.is_step_failure:
            self.outcome.errors |= error_names(event)
            name = step_name(event) + (f" {self._partitions}" if self._is_replay else "")
            self._fail(f"{name}: {sentence_of(event.step_failure_data.error)}")
        elif event.is_step_up_for_retry:
            self.progress.retry(step_name(event), sentence_of(event.step_retry_data.error))

    def _on_materialization(self, made: "dg.AssetMaterialization") -> None:
        name, partition = made.asset_key.to_user_string(), made.partition or ""
        facts: dict[str, Any] = {key: value.value for key, value in made.metadata.items()}
        rows = facts.get("dagster/partition_row_count", facts.get("documents received", 0))
        self.outcome.materialized[name, partition] = rows
        self.outcome.stopped = facts.get("stopped", self.outcome.stopped)
        self.outcome.facts[name, partition] = facts
        if not (self._is_range or self._is_replay):
            words = ", ".join(words_of(facts))
            now = time.monotonic()
            self.progress.done(name, f"{partition}  {words}", now - self._started)
            self._started = now
        warning = clock_warning(facts.get(CLOCK_FACT))
        if warning:
            self.progress.warn(f"{warning}.")

    def _on_check(self, check: "dg.AssetCheckEvaluation") -> None:
        name = f"{check.asset_key.to_user_string()} {check.check_name}"
        if check.passed:
            self.outcome.checks_passed += 1
            return
        if self._is_replay and check.check_name in CHECKS_OF_THE_PAST:
            self.outcome.past[name, check.partition or ""] = check.description or ""
            return
        if check.partition and (self._is_range or self._is_replay):
            name += f" {check.partition}"
        if check.severity.value == "WARN":
            self.warn(f"{name}: {check.description}")
        else:
            self._fail(f"{name}: {check.description}")

    def _fail(self, sentence: str) -> None:
        if self._tries_ranges_again and self._is_range:
            self._range_failures.append(sentence)
        else:
            self._report_failure(sentence)

    def _report_failure(self, sentence: str) -> None:
        self.outcome.failures.append(sentence)
        self.progress.fail(sentence)
