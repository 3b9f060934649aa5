"""Records which partitions earlier audits have compared, so that the next audit can skip them.

What goes here: a small file in the home folder. What stays out: what is compared (in
`audit_partitions`).

The file only saves time. A partition that it lacks, or that has changed since, is compared again.
It is safe to delete the file, to restore it from a backup, or to use another version's file.
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
    """The compared partitions, each with a digest of its ledger row and files when compared.

    Args:
        settings: determine the home folder, and which of the compared stores are embedded.
        addresses: addresses of the three stores.
    """

    def __init__(self, settings: Settings, addresses: tuple[str, str, str]) -> None:
        self._file = settings.home / _NAME
        named = (settings.mongo_url, settings.postgres_url)
        # An embedded server's port may change, so only its database name counts.
        parts = [
            address if url else f"embedded/{address.rpartition('/')[2]}"
            for address, url in zip(addresses, named, strict=False)
        ]
        self._stores = " ".join([*parts, addresses[2]])
        # Maps a partition to the digest of its ledger row and files, and the time of comparison.
        self._known: dict[str, str] = _entries(_read(self._file), self._stores)
        self._now = datetime.now(UTC).isoformat(timespec="seconds")

    def compared_at(self, flow: Flow, window: Span, row: LedgerRow, files: str) -> datetime | None:
        """When a partition was compared; None if its ledger row or files have changed since."""
        digest, _, moment = self._known.get(_key(flow, window), "").partition(" ")
        if digest == _digest(row, files):
            with contextlib.suppress(ValueError):
                return datetime.fromisoformat(moment).astimezone(UTC)
        return None

    def note(self, flow: Flow, window: Span, row: LedgerRow, files: str) -> None:
        """Record that a partition was compared now and has no differences.

        Args:
            flow: the flow of the partition.
            window: the partition.
            row: its ledger row.
            files: see `clean_folders.unchanged_files_hash`.
        """
        self._known[_key(flow, window)] = f"{_digest(row, files)} {self._now}"

    def forget(self, flow: Flow, window: Span) -> None:
        """Make the next audit compare a partition again."""
        self._known.pop(_key(flow, window), None)

    def save(self) -> None:
        """Replace the file; ignore errors, which only make the next audit slower."""
        entries = {**_read(self._file), self._stores: self._known}
        temporary = self._file.with_name(f"{_NAME}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_text(json.dumps(entries), encoding="utf-8")
                temporary.replace(self._file)
            finally:
                temporary.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _entries(content: dict[str, Any], stores: str) -> dict[str, str]:
    entries = content.get(stores)
    if not isinstance(entries, dict):
        return {}
    return {key: entry for key, entry in entries.items() if isinstance(entry, str)}


def _key(flow: Flow, window: Span) -> str:
    return f"{flow.asset} {partition_name(window)}"


def _digest(row: LedgerRow, files: str) -> str:
    return hashlib.sha256(" ".join(map(str, (*astuple(row), files))).encode()).hexdigest()
