"""Reads facts: values that the product's runs store in Dagster's metadata for other programs.

What goes here: the names of the facts, and reading the facts from GraphQL. What stays out: what the
facts mean for the run (in `outcome`).

All names are listed in `cryptoassets.facts`, which the plugin must not import. A test compares the
names here with that list and with the metadata of a real run.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

METADATA_KEY = "cryptoassets/facts"
DOCUMENTS_RECEIVED = "documents_received"
DOCUMENTS_OF_OTHER_PARTITIONS = "documents_of_other_partitions"
IS_LATE = "is_late"
ERROR = "error"
IS_RETRYABLE = "is_retryable"


def facts_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts in `metadataEntries`, by name.

    The result is empty for other products' assets, and for runs from before facts had names.
    Without facts, documents are not counted, and errors count as temporary.
    """
    text = next((entry["jsonString"] for entry in entries if entry["label"] == METADATA_KEY), "{}")
    facts: dict[str, Any] = json.loads(text)
    return facts
