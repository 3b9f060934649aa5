"""Formats messages about raw documents that did not end up in exactly one place.

What goes here: how documents are counted and named in messages. What stays out: comparing the
stores (in `checks.places`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

# A PostgreSQL index entry has at most 2,704 bytes, and a character takes at most 4 bytes.
MAX_ID_CHARACTERS = 600

_SHOWN = 3


@dataclass(frozen=True)
class Counts:
    """A partition's raw documents, counted by the place where they ended up."""

    raw_rows: int
    loaded_rows: int
    quarantined_rows: int
    superseded_rows: int

    def __str__(self) -> str:
        return (
            f"{self.raw_rows} raw = {self.loaded_rows} loaded + {self.quarantined_rows} "
            f"quarantined + {self.superseded_rows} superseded"
        )


def stored_id(raw_id: str) -> str:
    """Convert a raw `_id` to a form that PostgreSQL can index: no NUL, at most 600 characters.

    A shortened id ends in the hash of the whole id, so that different ids stay different.
    """
    escaped = raw_id.replace("\x00", "\\u0000")
    if len(escaped) <= MAX_ID_CHARACTERS:
        return escaped
    return f"{escaped[:500]}...{hashlib.sha256(escaped.encode()).hexdigest()}"


def difference(count: int, ids: Sequence[str | None], problem: str) -> str:
    """Describe documents that are in the wrong place.

    Args:
        count: the number of documents.
        ids: ids of a few of these documents, in ascending order.
        problem: what is wrong with them.
    """
    shown = ", ".join(map(str, ids[:_SHOWN]))
    return f"{count} {problem} ({shown}{', ...' if count > _SHOWN else ''})"


def ledger_differences(ledger: Counts | None, actual: Counts, documents: int) -> list[str]:
    """List differences between the ledger and the stores.

    Args:
        ledger: counts in the ledger row; None if the partition was never published.
        actual: counts in the stores.
        documents: number of documents in the lake.
    """
    if ledger is None:
        return ["the ledger has no row for this partition"] if documents else []
    if actual == ledger:
        return []
    return [f"the ledger shows {ledger}; the stores show {actual}"]
