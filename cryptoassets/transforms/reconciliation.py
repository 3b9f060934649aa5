"""The proof that every raw document ends in exactly one place, in sentences.

What goes here: how documents are named and counted. What stays out: comparing the stores (in
`checks.places`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

# An index entry of PostgreSQL holds 2,704 bytes; a character has at most 4.
MAX_ID_CHARACTERS = 600

_SHOWN = 3


@dataclass(frozen=True)
class Ledger:
    """Counts of the latest publication of a partition."""

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
    """The raw `_id` as PostgreSQL can index it: no NUL, and at most 600 characters.

    A shortened one ends in the hash of the whole, so that no two meet.
    """
    escaped = raw_id.replace("\x00", "\\u0000")
    if len(escaped) <= MAX_ID_CHARACTERS:
        return escaped
    return f"{escaped[:500]}...{hashlib.sha256(escaped.encode()).hexdigest()}"


def difference(count: int, some: Sequence[str | None], words: str) -> str:
    """Name documents that are in the wrong place.

    Args:
        count: how many.
        some: ids of a few of them, the first ones by their order.
        words: what is wrong with them.
    """
    shown = ", ".join(map(str, some[:_SHOWN]))
    return f"{count} {words} ({shown}{', ...' if count > _SHOWN else ''})"


def ledger_differences(ledger: Ledger | None, actual: Ledger, documents: int) -> list[str]:
    """Say where the ledger differs from the stores.

    Args:
        ledger: None: never published.
        actual: what the stores hold.
        documents: of the lake.
    """
    if ledger is None:
        return ["the ledger has no row of this partition"] if documents else []
    if actual == ledger:
        return []
    return [f"the ledger says {ledger}; the stores say {actual}"]
