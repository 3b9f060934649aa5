"""Executes jobs in this process and collects their results; shared by the operations.

What goes here: running a job for a partition or a stretch, handling the events of its run, and the
outcome. What stays out: which jobs run for which partitions (in the operations) and the jobs (in
`jobs`).
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cryptoassets.coincap.clocks import clock_warning
from cryptoassets.embedded.dead_runs import process_tags
from cryptoassets.facts import Fact, facts_of
from cryptoassets.monitoring.reprocessing import CHECKS_OF_THE_PAST, REPROCESSING_TAG
from cryptoassets.monitoring.sentences import sentence_of
from cryptoassets.operations.events import (
    describe_materialization,
    error_names,
    is_interrupt,
    step_name,
    unrecorded_failure,
)
from cryptoassets.operations.interrupts import raised_interrupts
from cryptoassets.operations.progress import Progress

if TYPE_CHECKING:
    import dagster as dg

# Commands may spend credits at any pace; only schedules spread them over the month.
_RUN_TAGS = {"cryptoassets/credits": "down_to_reserve"}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Outcome:
    """What the jobs of one operation did.

    Attributes:
        failures: one sentence per failure: the asset or check, and what went wrong.
        warnings: one sentence per warning, e.g. about a failed check of severity WARN.
        checks_passed: number of checks that passed.
        materialized: maps asset and partition to the row count, in the order of writing.
        stopped: why a fetch ended early without an error, e.g. because the credits are used up.
        facts: maps asset and partition to the facts of the materialization, by name.
        errors: class names of the errors that made steps fail.
        past_failures: failed checks of how a snapshot was fetched, e.g. that it was incomplete.
            They are collected only if past partitions are processed again, and do not count as
            failures. Maps check and partition to the description.
        is_first: nothing was published before.
    """

    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checks_passed: int = 0
    materialized: dict[tuple[str, str], int] = field(default_factory=dict)
    stopped: str | None = None
    facts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)
    past_failures: dict[tuple[str, str], str] = field(default_factory=dict)
    is_first: bool = False
    source: str = ""
    seconds: float = 0.0

    def forget_partitions(self) -> None:
        """Drop row counts and facts of all partitions; there may be thousands of partitions."""
        self.materialized.clear()
        self.facts.clear()


def _why_no_partition(key: str) -> str:
    """Explain why Dagster has no partition with this key."""
    from cryptoassets.upkeep.earlier_data import earlier_documents, split_at_first

    earlier, _ = split_at_first([key])
    return earlier_documents(earlier) if earlier else f"{key} is in the future"


class Runner:
    """Executes jobs in this process and reports their events as they happen.

    Args:
        progress: receives reports.
        instance: records the runs.
        definitions: definitions of the jobs; None: those of the platform.
        is_reprocessing: past partitions are processed again. The caller then reports partitions and
            retries failed stretches; a snapshot that was bad when it arrived is not a failure.
        retries_stretches: the caller retries the parts of a failed stretch, so the failure of
            the stretch itself is not reported; always true if `is_reprocessing`.
    """

    def __init__(
        self,
        progress: Progress,
        instance: "dg.DagsterInstance",
        *,
        definitions: "dg.Definitions | None" = None,
        is_reprocessing: bool = False,
        retries_stretches: bool = False,
    ) -> None:
        self.progress = progress
        self.instance = instance
        self._is_stretch = False
        self._definitions = definitions
        self._is_reprocessing = is_reprocessing
        self._retries_stretches = retries_stretches or is_reprocessing
        self._stretch_failures: list[str] = []
        self._partitions = ""
        self.outcome = Outcome()

    def warn(self, sentence: str) -> None:
        """Add a warning to the outcome and report it."""
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
        """Run one job; return whether it succeeded.

        Args:
            job: name of the job.
            partition: the partition, or the first one of a stretch.
            last: the last partition of a stretch; None: only one partition. A stretch's
                materializations are not reported one by one.
            tags: further tags of the run.
            assets: keys of the job's assets to run; empty: all.
        """
        import dagster as dg

        from cryptoassets.definitions import current_defs
        from cryptoassets.partitions.policies import range_tags

        self._started = time.monotonic()
        self._is_stretch = last is not None
        self._stretch_failures = []
        self._partitions = partition + (f" to {last}" if last else "")
        if not self._is_reprocessing:
            self.progress.doing(f"{job} {self._partitions}")
        definition = (self._definitions or current_defs()).resolve_job_def(job)
        for key in (partition, last or partition):
            if definition.partitions_def and not definition.partitions_def.has_partition_key(key):
                self._report_failure(f"{job}: {_why_no_partition(key)}")
                return False
        run_id, failed_before = str(uuid4()), len(self.outcome.failures)
        of_range = range_tags(partition, last) if last else {}
        self.instance.add_event_listener(run_id, self._on_event)
        with raised_interrupts():
            result = definition.execute_in_process(
                instance=self.instance,
                partition_key=None if last else partition,
                run_id=run_id,
                run_config=_QUIET,
                tags={**self._tags(run_id), **tags, **of_range},
                asset_selection=[dg.AssetKey.from_user_string(asset) for asset in assets] or None,
                raise_on_error=False,
            )
        if result.success:
            for sentence in self._stretch_failures:
                self._report_failure(sentence)
        elif not self._stretch_failures and len(self.outcome.failures) == failed_before:
            self._report_failure(f"{job} {self._partitions}: {unrecorded_failure()}")
        return result.success

    def _tags(self, run_id: str) -> dict[str, str]:
        # Added when the run is created, so even a run killed before its first step has these tags.
        reprocessing = {REPROCESSING_TAG: "yes"} if self._is_reprocessing else {}
        return {**_RUN_TAGS, **process_tags(run_id), **reprocessing}

    def _on_event(self, entry: "dg.EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_materialization:
            self._on_materialization(event.step_materialization_data.materialization)
            self._warn_of_clocks(event.step_materialization_data.materialization)
        elif event.event_type_value == "ASSET_OBSERVATION":
            # Nothing was stored, e.g. because the credits do not allow a fetch now.
            self._on_materialization(event.asset_observation_data.asset_observation)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._on_check(event.asset_check_evaluation_data)
        # An interrupt is not reported as a failure: `raised_interrupts` ends the command.
        elif event.is_step_failure and not is_interrupt(event.step_failure_data.error):
            self.outcome.errors |= error_names(event)
            name = step_name(event) + (f" {self._partitions}" if self._is_reprocessing else "")
            self._fail(f"{name}: {sentence_of(event.step_failure_data.error)}")
        elif event.is_step_up_for_retry:
            self.progress.retry(step_name(event), sentence_of(event.step_retry_data.error))

    def _on_materialization(self, event: "dg.AssetMaterialization | dg.AssetObservation") -> None:
        name, partition = event.asset_key.to_user_string(), event.partition or ""
        facts = facts_of(event.metadata)
        row_count = event.metadata.get("dagster/partition_row_count")
        late_documents = facts.get(Fact.DOCUMENTS_RECEIVED, 0) if Fact.IS_LATE in facts else 0
        rows = int(str(row_count.value)) if row_count else late_documents
        self.outcome.materialized[name, partition] = rows
        self.outcome.stopped = facts.get(Fact.STOPPED, self.outcome.stopped)
        self.outcome.facts[name, partition] = facts
        if not (self._is_stretch or self._is_reprocessing):
            words = ", ".join(describe_materialization(facts, rows))
            now = time.monotonic()
            self.progress.done(name, f"{partition}  {words}", now - self._started)
            self._started = now

    def _warn_of_clocks(self, event: "dg.AssetMaterialization") -> None:
        warning = clock_warning(facts_of(event.metadata).get(Fact.CLOCK_DIFFERENCE_SECONDS))
        if warning:
            self.progress.warn(f"{warning}.")

    def _on_check(self, check: "dg.AssetCheckEvaluation") -> None:
        name = f"{check.asset_key.to_user_string()} {check.check_name}"
        if check.passed:
            self.outcome.checks_passed += 1
            return
        if self._is_reprocessing and check.check_name in CHECKS_OF_THE_PAST:
            self.outcome.past_failures[name, check.partition or ""] = check.description or ""
            return
        if check.partition and (self._is_stretch or self._is_reprocessing):
            name += f" {check.partition}"
        if check.severity.value == "WARN":
            self.warn(f"{name}: {check.description}")
        else:
            self._fail(f"{name}: {check.description}")

    def _fail(self, sentence: str) -> None:
        if self._retries_stretches and self._is_stretch:
            self._stretch_failures.append(sentence)
        else:
            self._report_failure(sentence)

    def _report_failure(self, sentence: str) -> None:
        self.outcome.failures.append(sentence)
        self.progress.fail(sentence)
