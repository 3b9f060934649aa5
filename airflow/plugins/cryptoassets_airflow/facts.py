"""Reads facts from Dagster's metadata by the names that the package `cryptoassets` gives them.

What goes here: the names, and reading them from GraphQL. What stays out: what the facts mean for
the run (in `outcome`).

The full list is in `cryptoassets.facts`, which the plugin may not import. A test compares both with
the metadata of real runs.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

METADATA_KEY = "cryptoassets/facts"
DOCUMENTS_RECEIVED = "documents_received"
ERROR = "error"
IS_RETRYABLE = "is_retryable"


def facts_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts in `metadataEntries`, by name.

    Metadata of other assets has no facts, nor has metadata that was recorded before facts had
    names. Documents of such a run are not counted, and its errors count as temporary.
    """
    text = next((entry["jsonString"] for entry in entries if entry["label"] == METADATA_KEY), "{}")
    facts: dict[str, Any] = json.loads(text)
    return facts
