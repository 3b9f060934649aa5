"""Jobs executed in this process, and what a person sees of them: the part that verbs share.

What goes here: one job for its partitions, heard while it goes on, and what came of it. What stays
out: which jobs for which partitions (in the verbs: `run`, `backfill`) and the jobs (in `jobs`).
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from cryptoassets.cli.events import (
    error_names,
    is_interrupt,
    sentence_of,
    step_name,
    unheard_failure,
    words_of,
)
from cryptoassets.cli.interrupts import noticed_interrupts
from cryptoassets.coincap.clocks import CLOCK_FACT, clock_warning
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import process_tags
from cryptoassets.settings import project_root

if TYPE_CHECKING:
    import dagster as dg

# A person who types a command wants data now: the month's pace is for schedules.
_RUN_TAGS = {"cryptoassets/credits": "down_to_reserve"}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
REPLAY_TAG = "cryptoassets/replay"
"""On runs of partitions of the past."""
CHECKS_OF_THE_PAST = (
    *("newest_snapshot_complete", "newest_snapshot_reliable"),
    *("quarantine_share", "payload_drift", "price_moves", "stale_answer"),
)
"""Checks that say what a person should have known then."""


@dataclass
class Outcome:
    """What the jobs of one command did.

    Attributes:
        failures: one sentence each: the asset or check, and what went wrong.
        warnings: the same for checks of severity WARN.
        materialized: asset and partition to row count, in the order they were written.
        stopped: why a fetch ended before its end, without having failed: credits.
        facts: asset and partition to what its materialization said, by label.
        errors: names of the errors behind failures of steps, as far as they are ours.
        past: of a replay, check and partition to what a person should have known then.
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
        """Drop what was said of each partition, pictures included: there may be thousands."""
        self.materialized.clear()
        self.facts.clear()


class Runner:
    """Executes jobs in this process and says what they do while they do it.

    Args:
        console: for what is done.
        status: for what goes on.
        instance: where runs are recorded.
        definitions: of the jobs; None: the ones that every command has.
        is_replay: partitions of the past are run again: the verb itself says what came of each, and
            that a snapshot was bad when it came is no failure of today.
        tries_ranges_again: the verb tries the parts of a range that fails, so that it is no failure
            yet; so does each verb that runs partitions of the past again.
    """

    def __init__(
        self,
        console: Console,
        status: Status,
        instance: "dg.DagsterInstance",
        *,
        definitions: "dg.Definitions | None" = None,
        is_replay: bool = False,
        tries_ranges_again: bool = False,
    ) -> None:
        self._console = console
        self._status = status
        self.instance = instance
        self._is_interrupted = False
        self._is_range = False
        self._definitions = definitions
        self._is_replay = is_replay
        self._tries_ranges_again = tries_ranges_again or is_replay
        self._of_range: list[str] = []
        self._partitions = ""
        self.outcome = Outcome()

    @contextmanager
    def waiting(self, words: str) -> Iterator[None]:
        """Say what is waited for."""
        self._status.update(words)
        yield

    def warn(self, sentence: str) -> None:
        """Report what is left to do although nothing failed."""
        self.outcome.warnings.append(sentence)
        self._console.print(f"[yellow]  ! {escape(sentence)}[/]", soft_wrap=True)

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
            last: the last partition of a range, whose materializations are heard but not printed;
                None: there is one partition.
            tags: further tags of the run.
            assets: of the job, by key; empty: all.
        """
        import dagster as dg

        from cryptoassets.definitions import defs
        from cryptoassets.partitions.policies import range_tags

        self._started, self._is_range, self._of_range = time.monotonic(), last is not None, []
        self._partitions = partition + (f" to {last}" if last else "")
        if not self._is_replay:
            self._status.update(f"{job} {self._partitions}")
        definition = (self._definitions or defs).resolve_job_def(job)
        for key in (partition, last or partition):
            if definition.partitions_def and not definition.partitions_def.has_partition_key(key):
                self._say_failure(f"{job}: {key} lies before 2018 or has not begun")
                return False
        run_id, heard_before = str(uuid4()), len(self.outcome.failures)
        self.instance.add_event_listener(run_id, self._hear)
        with noticed_interrupts() as has_come:
            result = definition.execute_in_process(
                instance=self.instance,
                partition_key=None if last else partition,
                run_id=run_id,
                run_config=_QUIET,
                # From the start: a kill before the first step leaves a run that nobody could judge.
                tags={
                    **_RUN_TAGS,
                    **process_tags(run_id),
                    **({REPLAY_TAG: "yes"} if self._is_replay else {}),
                    **tags,
                    **(range_tags(partition, last) if last else {}),
                },
                asset_selection=[dg.AssetKey.from_user_string(asset) for asset in assets] or None,
                raise_on_error=False,
            )
            is_interrupted = self._is_interrupted or has_come()
        if is_interrupted:
            raise KeyboardInterrupt
        if result.success:
            for sentence in self._of_range:
                self._say_failure(sentence)
        elif not self._of_range and len(self.outcome.failures) == heard_before:
            self._say_failure(f"{job} {self._partitions}: {unheard_failure()}")
        return result.success

    def _hear(self, entry: "dg.EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_materialization:
            self._hear_materialization(event.step_materialization_data.materialization)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._hear_check(event.asset_check_evaluation_data)
        elif event.is_step_failure and is_interrupt(event.step_failure_data.error):
            self._is_interrupted = True
        elif event.is_step_failure:
            self.outcome.errors |= error_names(event)
            name = step_name(event) + (f" {self._partitions}" if self._is_replay else "")
            self._fail(f"{name}: {sentence_of(event.step_failure_data.error)}")
        elif event.is_step_up_for_retry:
            words = sentence_of(event.step_retry_data.error)
            self._console.print(
                f"[yellow]  ↻ {step_name(event)}[/]  {escape(words)}", soft_wrap=True
            )

    def _hear_materialization(self, made: "dg.AssetMaterialization") -> None:
        name, partition = made.asset_key.to_user_string(), made.partition or ""
        facts: dict[str, Any] = {key: value.value for key, value in made.metadata.items()}
        rows = facts.get("dagster/partition_row_count", facts.get("documents received", 0))
        self.outcome.materialized[name, partition] = rows
        self.outcome.stopped = facts.get("stopped", self.outcome.stopped)
        self.outcome.facts[name, partition] = facts
        if not (self._is_range or self._is_replay):
            words = ", ".join(words_of(facts))
            line(self._console, name, f"{partition}  {words}", self._started)
            self._started = time.monotonic()
        warning = clock_warning(facts.get(CLOCK_FACT))
        if warning:
            self._console.print(f"[yellow]  ![/] {escape(warning)}.", soft_wrap=True)

    def _hear_check(self, check: "dg.AssetCheckEvaluation") -> None:
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
            self.outcome.warnings.append(f"{name}: {check.description}")
            self._console.print(f"[yellow]  ! {name}[/]  {escape(check.description or '')}")
        else:
            self._fail(f"{name}: {check.description}")

    def _fail(self, sentence: str) -> None:
        if self._tries_ranges_again and self._is_range:
            self._of_range.append(sentence)
        else:
            self._say_failure(sentence)

    def _say_failure(self, sentence: str) -> None:
        self.outcome.failures.append(sentence)
        self._console.print(f"[red]  ✗ {escape(sentence)}[/]", soft_wrap=True)


def warm_up_spark(*, is_long_lived: bool = False) -> None:
    """Start the session and a worker of each executor, which take seconds; all do some work."""
    from cryptoassets.resources.spark import SparkResource
    from cryptoassets.resources.spark_errors import spark_errors
    from cryptoassets.stores.warming import SCHEMA, warm

    with spark_errors():
        spark = SparkResource(is_long_lived=is_long_lived)
        spark.tasks(warm, spark.executors, SCHEMA).collect()


def warm_up() -> None:
    """Load the definitions while the JVM starts; both take seconds."""
    with _spark_starting() as wait:
        wait()


@contextmanager
def warm_instance() -> Iterator["dg.DagsterInstance"]:
    """The same, and Dagster's storage, which is opened while the JVM starts, too."""
    with _spark_starting() as wait, dagster_instance() as instance:
        wait()
        yield instance


@contextmanager
def _spark_starting() -> Iterator[Callable[[], None]]:
    """Start the session and load the definitions; yield what waits for the session."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        session = pool.submit(warm_up_spark)
        import cryptoassets.definitions  # noqa: F401 - used by the runner

        yield session.result


def line(console: Console, name: str, words: str, started: float) -> None:
    """Print a thing that is done, with the seconds since `started`, of `time.monotonic`."""
    seconds = time.monotonic() - started
    console.print(f"[green]  ✓[/] {name:<24} {words}  [dim]{seconds:.1f} s[/]", soft_wrap=True)


def source_words(stack: Stack) -> str:
    """Say where data comes from, and how to get real prices; outside the checkout the home, too."""
    words = {
        "coincap": "CoinCap",
        "simulator": "simulator (not real prices; set COINCAP_API_KEY for CoinCap)",
        "replay": "replay of recorded answers",
    }[stack.source]
    is_outside = not Path.cwd().is_relative_to(project_root())
    return f"{words}; home: {stack.home}" if is_outside else words
