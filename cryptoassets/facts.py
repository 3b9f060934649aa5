"""Names of the facts that runs report to programs: to operations, sensors and Airflow's plugin.

What goes here: the names, the labels that people see instead, writing facts to metadata and reading
them back. What stays out: metadata that only people read; it has a label and no name.

A materialization or failure stores all its facts, by name, in one JSON entry of its metadata. The
plugin must not import this package, so it has its own list of names, in
`cryptoassets_airflow.facts`; a test compares the two lists.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

METADATA_KEY = "cryptoassets/facts"
"""Key of the metadata entry that contains the facts by name."""


class Fact(StrEnum):
    """The names of all facts. Counts are per partition; times are in ISO 8601 and UTC."""

    DOCUMENTS_RECEIVED = "documents_received"
    DOCUMENTS_NEW = "documents_new"
    DOCUMENTS_OF_OTHER_PARTITIONS = "documents_of_other_partitions"
    DEAD_LETTERS = "dead_letters"
    IS_LATE = "is_late"
    SKIPPED = "skipped"
    STOPPED = "stopped"
    ANSWERED_AT = "answered_at"
    NEXT_FETCH_AT = "next_fetch_at"
    CLOCK_DIFFERENCE_SECONDS = "clock_difference_seconds"
    VALID = "valid"
    QUARANTINED = "quarantined"
    SUPERSEDED = "superseded"
    RAW_ROWS = "raw_rows"
    LOADED_ROWS = "loaded_rows"
    QUARANTINED_ROWS = "quarantined_rows"
    SUPERSEDED_ROWS = "superseded_rows"
    ROWS_WRITTEN = "rows_written"
    ROWS_REMOVED = "rows_removed"
    PUBLISHED_AT = "published_at"
    ERROR = "error"
    IS_RETRYABLE = "is_retryable"

    @property
    def label(self) -> str:
        """The metadata key under which people see the fact in Dagster's UI."""
        return _LABELS.get(self, self.value.replace("_", " "))


_LABELS = {
    Fact.IS_LATE: "late",
    Fact.CLOCK_DIFFERENCE_SECONDS: "clock_difference_seconds",
    Fact.IS_RETRYABLE: "may pass by itself",
}


def metadata_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return Dagster's metadata: each fact by its label, and all of them by name in one entry.

    Args:
        facts: values by `Fact`; entries with other keys are only shown to people.
    """
    shown = {key.label if isinstance(key, Fact) else key: value for key, value in facts.items()}
    by_name = {key.value: value for key, value in facts.items() if isinstance(key, Fact)}
    return {**shown, METADATA_KEY: by_name}


def facts_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts in the metadata of a materialization or failure, by name.

    Metadata that was recorded before facts had names is read by label.
    """
    if METADATA_KEY in metadata:
        return dict(metadata[METADATA_KEY].value)
    return {fact.value: metadata[fact.label].value for fact in Fact if fact.label in metadata}
