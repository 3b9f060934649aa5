"""Finds the files added to a partition since its latest publication, to publish only these.

What goes here: comparing the files with the records of the latest publication. What stays out:
adding files (in `clean_writing`), staging and publishing their rows (in `io_managers`).

Newer snapshots are written to additional files; the other files of the folder stay unchanged.
Every file gets a unique name, so a hash of the names identifies the rows that were published.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from cryptoassets.stores.checksums import sum_checksums
from cryptoassets.stores.clean import CleanFile, CleanFiles
from cryptoassets.stores.clean_marks import hash_of
from cryptoassets.stores.publishing import Cursor
from cryptoassets.workers import code_hash

_LATEST = """
    SELECT raw_rows, loaded_rows, quarantined_rows, superseded_rows, clean_checksum, rows_checksum,
        (
            SELECT files_hash FROM warehouse.load_history AS history
            WHERE (history.asset, history.partition_key) = (loads.asset, loads.partition_key)
            ORDER BY history.publication DESC LIMIT 1
        )
    FROM warehouse.loads WHERE (asset, partition_key) = (%s, %s)
"""


class LatestPublication(NamedTuple):
    """What is recorded about a partition's latest publication; without one, counts are 0."""

    raw_rows: int = 0
    loaded_rows: int = 0
    quarantined_rows: int = 0
    superseded_rows: int = 0
    clean_checksum: str | None = None
    rows_checksum: str | None = None
    files_hash: str | None = None


@dataclass(frozen=True)
class Addition:
    """Files that were added to a partition since its latest publication.

    Attributes:
        latest: that publication.
        files: all files of the partition.
        added: the files that were added.
        since: `observed_at` of the oldest added row; all rows of the other files are older.
    """

    latest: LatestPublication
    files: CleanFiles
    added: CleanFiles
    since: datetime


def latest_publication(cursor: Cursor, asset: str, partition_key: str) -> LatestPublication:
    """Read what is recorded about a partition's latest publication."""
    row = cursor.execute(_LATEST, [asset, partition_key]).fetchone()
    return LatestPublication(*row) if row else LatestPublication()


def files_hash(files: Sequence[CleanFile]) -> str:
    """Hash the names of files, together with the code that judges and publishes their rows."""
    return hash_of([code_hash(), *(file.name for file in files)])


def addition_to(latest: LatestPublication, judged: CleanFiles) -> Addition | None:
    """Find the files that were added since the latest publication of a partition.

    Args:
        latest: what is recorded about that publication.
        judged: all files of the partition.

    Returns:
        None if nothing was added, or if the other files are not exactly those that the current code
        published in the latest publication. In both cases the whole partition must be published.
    """
    if len(judged.partitions) != 1 or not latest.files_hash or not latest.rows_checksum:
        return None
    dated = sorted((file.first, file) for file in judged.files if file.first and file.seal)
    files = [file for _, file in dated]
    if len(files) < len(judged.files):
        return None
    for number in reversed(range(1, len(files))):
        published, added = files[:number], files[number:]
        if files_hash(published) == latest.files_hash:
            break
    else:
        return None
    if latest.clean_checksum != sum_checksums(
        file.seal.checksum for file in published if file.seal
    ):
        return None
    return Addition(latest, judged, replace(judged, files=tuple(added)), dated[number][0])
