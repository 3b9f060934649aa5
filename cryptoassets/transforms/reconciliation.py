"""The proof that every raw document ends in exactly one place, as sets of ids.

What goes here: comparing what the stores hold of one partition. What stays out: asking them.
"""

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Places:
    """Where the documents of one partition are, by id as PostgreSQL stores it.

    Attributes:
        raw: in MongoDB.
        clean: in Parquet, by outcome.
        loaded: in the table.
        quarantined: in the quarantine.
        ledger: None: never published.
    """

    raw: AbstractSet[str]
    clean: dict[str, AbstractSet[str]]
    loaded: AbstractSet[str]
    quarantined: AbstractSet[str]
    ledger: Ledger | None

    @property
    def unprocessed(self) -> AbstractSet[str]:
        """Raw documents without a cleaned row."""
        return self.raw - set().union(*self.clean.values())

    def without(self, waiting: AbstractSet[str]) -> "Places":
        """The same, but for raw documents that wait for a run of their own."""
        return replace(self, raw=self.raw - waiting)


def stored_id(raw_id: str) -> str:
    """The raw `_id` as PostgreSQL can index it: no NUL, and at most 600 characters.

    A shortened one ends in the hash of the whole, so that no two meet.
    """
    escaped = raw_id.replace("\x00", "\\u0000")
    if len(escaped) <= MAX_ID_CHARACTERS:
        return escaped
    return f"{escaped[:500]}...{hashlib.sha256(escaped.encode()).hexdigest()}"


def discrepancies(places: Places) -> list[str]:
    """Say what does not add up in a partition, one sentence each; empty: everything does."""
    clean = places.clean
    valid, quarantined = clean.get("valid", set()), clean.get("quarantined", set())
    judged: set[str] = set().union(*clean.values())
    pairs = (
        (places.unprocessed, "raw documents are in no place: not processed yet"),
        (judged - places.raw, "cleaned rows have no raw document"),
        (valid - places.loaded, "valid rows are missing from the table"),
        (places.loaded - valid, "rows of the table are not valid rows of the cleaned partition"),
        (quarantined - places.quarantined, "quarantined rows are missing from the quarantine"),
        (places.quarantined - quarantined, "rows of the quarantine were not quarantined"),
        (places.loaded & places.quarantined, "documents are both loaded and quarantined"),
    )
    found = [f"{len(ids)} {words} ({_some(ids)})" for ids, words in pairs if ids]
    return found + _ledger_discrepancies(places)


def _ledger_discrepancies(places: Places) -> list[str]:
    if places.ledger is None:
        return ["the ledger has no row of this partition"] if places.raw else []
    counts = {name: len(ids) for name, ids in places.clean.items()}
    actual = Ledger(
        raw_rows=sum(counts.values()),
        loaded_rows=len(places.loaded),
        quarantined_rows=len(places.quarantined),
        superseded_rows=counts.get("superseded", 0),
    )
    if actual == places.ledger:
        return []
    return [f"the ledger says {places.ledger}; the stores say {actual}"]


def _some(ids: AbstractSet[str]) -> str:
    shown = ", ".join(sorted(ids)[:_SHOWN])
    return f"{shown}, ..." if len(ids) > _SHOWN else shown
