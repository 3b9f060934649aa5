"""Facts have names for programs and labels for people."""

from typing import Any

import dagster as dg

from cryptoassets.facts import METADATA_KEY, Fact, facts_of, metadata_of


def recorded(metadata: dict[str, Any]) -> Any:
    """Return the metadata as Dagster stores it."""
    return dg.AssetMaterialization("raw", metadata=metadata).metadata


def test_people_see_labels_and_programs_read_names() -> None:
    """A label may contain spaces; metadata without a name is only shown to people."""
    metadata = recorded(metadata_of({Fact.ROWS_WRITTEN: 3, Fact.IS_LATE: True, "plot": "..."}))

    assert {"rows written", "late", "plot", METADATA_KEY} == metadata.keys()
    assert {"rows_written": 3, "is_late": True} == facts_of(metadata)


def test_metadata_that_was_recorded_before_facts_had_names_is_read_by_label() -> None:
    """After an upgrade, the sensor `late_documents` reads what the old version recorded."""
    metadata = recorded({"documents received": 100, "late": True, "may pass by itself": False})

    assert {"documents_received": 100, "is_late": True, "is_retryable": False} == facts_of(metadata)
