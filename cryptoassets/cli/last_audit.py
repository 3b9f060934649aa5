"""What the last `audit` of each partition compared, so that the next one need not.

What goes here: a small file below the home. What stays out: what is compared (in `audit`).

Nothing depends on it but time: a partition that it does not know, or knows otherwise, is compared
again; so it may be deleted, restored, or left behind by another version.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import Flow
from cryptoassets.settings import Settings
from cryptoassets.stores.ledger import LedgerRow

_NAME = "audits.json"


class LastAudit:
    """The partitions whose documents were compared, with what the ledger said of them then.

    Args:
        settings: home, and the stores that are compared.
        addresses: of the three stores.
    """

    def __init__(self, settings: Settings, addresses: tuple[str, str, str]) -> None:
        self._file = settings.home / _NAME
        named = (settings.mongo_url, settings.postgres_url)
        # An embedded server gets another port at each start.
        parts = [
            address if url else f"embedded/{address.rpartition('/')[2]}"
            for address, url in zip(addresses, named, strict=False)
        ]
        self._stores = " ".join([*parts, addresses[2]])
        # Partition to the digest of its ledger row and files, and the time of the comparison.
        self._known: dict[str, str] = _entries(_read(self._file), self._stores)
        self._now = datetime.now(UTC).isoformat(timespec="seconds")

    def compared_at(self, flow: Flow, window: Span, row: LedgerRow, files: str) -> datetime | None:
        """When a partition was compared, if its ledger row and its files are what they were."""
        digest, _, moment = self._known.get(_key(flow, window), "").partition(" ")
        if digest == _digest(row, files):
            with contextlib.suppress(ValueError):
                return datetime.fromisoformat(moment).astimezone(UTC)
        return None

    def note(self, flow: Flow, window: Span, row: LedgerRow, files: str) -> None:
        """Note that a partition was compared now, and all was well.

        Args:
            flow: whose partition it is.
            window: the partition.
            row: its ledger row.
            files: see `clean_folders.files_as_written`.
        """
        self._known[_key(flow, window)] = f"{_digest(row, files)} {self._now}"

    def forget(self, flow: Flow, window: Span) -> None:
        """Have a partition compared again next time."""
        self._known.pop(_key(flow, window), None)

    def save(self) -> None:
        """Write the file whole, or leave it: without it the next audit only takes longer."""
        books = {**_read(self._file), self._stores: self._known}
        aside = self._file.with_name(f"{_NAME}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                aside.write_text(json.dumps(books), encoding="utf-8")
                aside.replace(self._file)
            finally:
                aside.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        books = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return books if isinstance(books, dict) else {}


def _entries(books: dict[str, Any], stores: str) -> dict[str, str]:
    entries = books.get(stores)
    if not isinstance(entries, dict):
        return {}
    return {key: entry for key, entry in entries.items() if isinstance(entry, str)}


def _key(flow: Flow, window: Span) -> str:
    return f"{flow.asset} {partition_name(window)}"


def _digest(row: LedgerRow, files: str) -> str:
    return hashlib.sha256(" ".join(map(str, (*astuple(row), files))).encode()).hexdigest()
