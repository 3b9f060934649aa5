"""Describes Dagster's events as text.

What goes here: reading one event or materialization. What stays out: receiving a run's events (in
`runs`), describing errors (in `monitoring.sentences`).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cryptoassets.facts import Fact, facts_of
from cryptoassets.operations.progress import number_of
from cryptoassets.settings import load_settings
from cryptoassets.shortages import disk_problem

if TYPE_CHECKING:
    import dagster as dg


_COUNTS = (
    *(Fact.DOCUMENTS_NEW, Fact.VALID),
    *(Fact.QUARANTINED, Fact.SUPERSEDED, Fact.ROWS_WRITTEN),
)
_REMARKS = (Fact.DOCUMENTS_OF_OTHER_PARTITIONS, Fact.DEAD_LETTERS, Fact.NEXT_FETCH_AT)


def describe_materialization(facts: Mapping[str, Any], rows: int) -> Iterator[str]:
    """Yield short phrases that describe a materialization.

    Args:
        facts: the materialization's facts, by name.
        rows: its row count.
    """
    if Fact.SKIPPED in facts:
        yield f"skipped: {facts[Fact.SKIPPED]}"
    for fact in _COUNTS:
        if fact in facts:
            yield _counted(facts[fact], fact.label)
    if Fact.IS_LATE in facts:
        received = number_of(facts[Fact.DOCUMENTS_RECEIVED], "document")
        yield f"{received} received by another hour's run"
    elif facts.keys().isdisjoint({Fact.DOCUMENTS_NEW, Fact.VALID, Fact.ROWS_WRITTEN}):
        yield number_of(rows, "row")
    for fact in _REMARKS:
        if facts.get(fact):
            yield f"{fact.label}: {facts[fact]}"


def _counted(count: int, label: str) -> str:
    """Put a count before its label: "1 row written", "100 rows written", "100 valid"."""
    noun, _, participle = label.partition(" ")
    return f"{number_of(count, noun[:-1])} {participle}" if participle else f"{count:,} {label}"


def step_name(event: "dg.DagsterEvent") -> str:
    """Return the name of an event's step, written like its asset key."""
    return (event.step_key or "").replace("__", "/")


def is_interrupt(error: "dg.SerializableErrorInfo | None") -> bool:
    """Whether a step ended because the command was interrupted."""
    return error is not None and "DagsterExecutionInterruptedError" in error.message


def unrecorded_failure() -> str:
    """Explain the failure of a run whose events could not be stored."""
    remedy = (
        disk_problem(load_settings().home) or "Read the lines above, then run the command again"
    )
    return f"it failed, and PostgreSQL could not record why. {remedy}"


def error_names(event: "dg.DagsterEvent") -> set[str]:
    """Return the class name of a failed step's error, as recorded by `resources.failures`.

    The set is empty if no error was recorded.
    """
    noted = event.step_failure_data.user_failure_data
    facts = facts_of(noted.metadata) if noted else {}
    return {facts[Fact.ERROR]} if Fact.ERROR in facts else set()
