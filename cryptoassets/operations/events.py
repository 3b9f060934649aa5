"""Dagster's events and errors in words.

What goes here: reading one event, error or materialization. What stays out: receiving the events of
a run (in `runs`).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cryptoassets.settings import load_settings
from cryptoassets.shortages import disk_remedy, remedy_of

if TYPE_CHECKING:
    import dagster as dg


def words_of(facts: dict[str, Any]) -> Iterator[str]:
    """What a materialization did, from the labels of its metadata; parts of a few words."""
    if "skipped" in facts:
        yield f"skipped: {facts['skipped']}"
    for label in ("documents new", "valid", "quarantined", "superseded", "rows written"):
        if label in facts:
            yield f"{facts[label]} {label}"
    if "late" in facts:
        yield f"{facts['documents received']} documents received by the run of another hour"
    elif facts.keys().isdisjoint({"documents new", "valid", "rows written"}):
        yield f"{facts.get('dagster/partition_row_count', 0)} rows"
    for label in ("documents of other partitions", "dead letters", "next fetch at"):
        if facts.get(label):
            yield f"{label}: {facts[label]}"


def step_name(event: "dg.DagsterEvent") -> str:
    """The step of an event, written as its asset's key."""
    return (event.step_key or "").replace("__", "/")


def is_interrupt(error: "dg.SerializableErrorInfo | None") -> bool:
    """Whether a step ended because the command was interrupted."""
    return error is not None and "DagsterExecutionInterruptedError" in error.message


def unheard_failure() -> str:
    """Explain the failure of a run whose events could not be stored."""
    remedy = disk_remedy(load_settings().home) or "See the lines above, then run it again"
    return f"it failed, and PostgreSQL could not record why. {remedy}"


def error_names(event: "dg.DagsterEvent") -> set[str]:
    """The name of the error in `errors` by which a step failed, noted by `resources.failures`."""
    noted = event.step_failure_data.user_failure_data
    name = noted.metadata.get("error") if noted else None
    return {str(name.value)} if name is not None else set()


def sentence_of(error: "dg.SerializableErrorInfo | None") -> str:
    """The sentence of the first error from `errors` in the chain, else of the first cause."""
    text = "failed"
    while error is not None:
        text = str(error.message).strip()
        kind, _, words = text.partition(": ")
        if kind.startswith("cryptoassets.errors."):
            return words
        error = error.cause
    remedy = remedy_of(text)
    return f"{text.partition(chr(10))[0]}. {remedy}" if remedy else text
