"""Writes mapped rows as Parquet, one file per range, in the task that computed the rows.

What goes here: writing a file in a worker, and what a task reports. What stays out: moving the
files to their folders (in `stores.clean_writing`), computing the rows (in `raw`).

Spark may run a task twice. Each attempt writes a separate file to a folder that no reader sees, and
reports the file when it is complete. Only files whose reports the driver has collected are used.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from cryptoassets.errors import StoreError
from cryptoassets.partitions.spans import folder_name
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.shortages import shortage_message
from cryptoassets.stores.checksums import clean_checksum
from cryptoassets.stores.clean import Seal
from cryptoassets.stores.mongodb import Fetches
from cryptoassets.stores.raw import MappedRaw, RangeTask

# Nearly all values of these columns are distinct, so dictionary encoding would not pay off.
_MOSTLY_DISTINCT = frozenset({"raw_id", "payload"})
_SCHEMA = "folder STRING, name STRING, rows BIGINT, digest STRING, checksum STRING"
_ARROW_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("folder", "name")),
        ("rows", pa.int64()),
        *((name, pa.string()) for name in ("digest", "checksum")),
    ]
)


class WrittenFile(NamedTuple):
    """Report about one written file.

    Attributes:
        folder: name of the folder of the file's partition; see `spans.folder_name`.
        name: name of the file.
        rows: number of rows in the file.
        digest: SHA-256 of the file's bytes.
        checksum: checksum of the file's rows; see `checksums.clean_checksum`.
    """

    folder: str
    name: str
    rows: int
    digest: str
    checksum: str

    @property
    def seal(self) -> Seal:
        """The hashes recorded for the file."""
        return Seal(self.digest, self.checksum)


def write_ranges(
    mapped: MappedRaw, folder: str, fetches: Fetches, *, after: datetime | None = None
) -> list[WrittenFile]:
    """Let tasks read, map and write documents as Parquet; a range without rows yields no file.

    Args:
        mapped: the documents and their kernel.
        folder: an existing folder that driver and workers share: a local path or a URI.
        fetches: the result of `mapped.source.fetches()`.
        after: only documents newer than this time are read; None means all documents. Allowed only
            if there is a single partition.
    """
    work = mapped.task(fetches, after)
    task = WriteTask(work, mapped.table, folder)
    # Collected once, because each evaluation would write all files again.
    rows = mapped.source.tasks(task, len(work.ranges), _SCHEMA).collect()
    return [WrittenFile(**row.asDict()) for row in rows]


@dataclass(frozen=True)
class WriteTask:
    """What a task needs to write its range; sent to workers, so it contains no secrets."""

    work: RangeTask
    table: Table
    folder: str

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Read, map and write one range, then report its file; runs in the worker."""
        schema = arrow_schema(self.table)
        rows = self.work.rows(number).select(schema.names).cast(schema)
        if not rows.num_rows:
            return
        name = f"part-{number:05d}-{uuid4().hex}.parquet"
        digest = write_file(f"{self.folder}/{name}", rows)
        partition = folder_name(self.work.ranges[number].partition)
        report = WrittenFile(partition, name, rows.num_rows, digest, clean_checksum(rows))
        yield pa.RecordBatch.from_pylist([report._asdict()], schema=_ARROW_SCHEMA)


def write_file(uri: str, rows: pa.Table) -> str:
    """Write one Parquet file that only its owner may read; return the SHA-256 of its bytes.

    Args:
        uri: URI of the file, or a local path with any characters.
        rows: the rows to write.

    Raises:
        StoreError: the file could not be written.
    """
    content, path = _encoded(rows), uri
    try:
        store, path = fs.FileSystem.from_uri(uri)
        with store.open_output_stream(path) as file:
            if isinstance(store, fs.LocalFileSystem):
                Path(path).chmod(0o600)
            file.write(content)
    except (OSError, ValueError) as error:
        remedy = shortage_message(str(error)) or (
            "A retry will not help unless CLEAN_PATH is a folder that driver and workers share and "
            "can write to"
        )
        raise StoreError(f"{path} could not be written: {error}. {remedy}") from error
    return hashlib.sha256(content).hexdigest()


def _encoded(rows: pa.Table) -> pa.Buffer:
    content = pa.BufferOutputStream()
    pq.write_table(
        rows,
        content,
        use_dictionary=[name for name in rows.column_names if name not in _MOSTLY_DISTINCT],
        compression="zstd",
        write_page_checksum=True,
    )
    return content.getvalue()
