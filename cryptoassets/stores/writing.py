"""Mapped rows on their way to Parquet: each range a file, written by the task that made its rows.

What goes here: writing a file in a worker, and what a task reports. What stays out: which folder
the files become part of (in `io_managers.clean_writing`), the rows (in `raw`).

Spark may run a task twice. Each attempt writes a file of its own in a folder that no reader sees,
and reports it when it is whole; only the files that the driver has collected count.
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
from cryptoassets.shortages import remedy_of
from cryptoassets.stores.checksums import clean_checksum
from cryptoassets.stores.clean import Seal
from cryptoassets.stores.mongodb import Fetches
from cryptoassets.stores.raw import MappedRaw, RangeTask

# Texts that hardly any two rows share; a dictionary of them is built only to be thrown away.
_ALL_DIFFERENT = frozenset({"raw_id", "payload"})
_SCHEMA = "folder STRING, name STRING, rows BIGINT, digest STRING, checksum STRING"
_ARROW_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("folder", "name")),
        ("rows", pa.int64()),
        *((name, pa.string()) for name in ("digest", "checksum")),
    ]
)


class Written(NamedTuple):
    """One file that counts.

    Attributes:
        folder: of its partition, as `spans.folder_name` names it.
        name: of the file.
        rows: in it.
        digest: SHA-256 of its bytes.
        checksum: of its rows, see `checksums.clean_checksum`.
    """

    folder: str
    name: str
    rows: int
    digest: str
    checksum: str

    @property
    def seal(self) -> Seal:
        """What the file was written with."""
        return Seal(self.digest, self.checksum)


def write_ranges(
    mapped: MappedRaw, folder: str, fetches: Fetches, *, after: datetime | None = None
) -> list[Written]:
    """Have tasks read documents, map them and write them as Parquet; ranges without rows have none.

    Args:
        mapped: the documents, and what is done with them.
        folder: that is there, which driver and workers share: a local path, or a URI.
        fetches: of `mapped.source.fetches()`.
        after: of a single partition only what is newer.
    """
    work = mapped.task(fetches, after)
    task = WriteTask(work, mapped.table, folder)
    # Collected once: each evaluation would write all files again.
    rows = mapped.source.tasks(task, len(work.ranges), _SCHEMA).collect()
    return [Written(**row.asDict()) for row in rows]


@dataclass(frozen=True)
class WriteTask:
    """What a task needs to write its range; shipped to the worker, without secrets."""

    work: RangeTask
    table: Table
    folder: str

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Read, map and write one range, then tell of its file; in the worker."""
        schema = arrow_schema(self.table)
        rows = self.work.rows(number).select(schema.names).cast(schema)
        if not rows.num_rows:
            return
        name = f"part-{number:05d}-{uuid4().hex}.parquet"
        digest = write_file(f"{self.folder}/{name}", rows)
        partition = folder_name(self.work.ranges[number].partition)
        told = Written(partition, name, rows.num_rows, digest, clean_checksum(rows))
        yield pa.RecordBatch.from_pylist([told._asdict()], schema=_ARROW_SCHEMA)


def write_file(uri: str, rows: pa.Table) -> str:
    """Write one Parquet file, which only its user may read; return the SHA-256 of its bytes.

    Args:
        uri: of the file; a local path is taken as it is, whatever characters it has.
        rows: of the file.

    Raises:
        StoreError: it cannot be written.
    """
    content, path = _encoded(rows), uri
    try:
        store, path = fs.FileSystem.from_uri(uri)
        with store.open_output_stream(path) as file:
            if isinstance(store, fs.LocalFileSystem):
                Path(path).chmod(0o600)
            file.write(content)
    except (OSError, ValueError) as error:
        remedy = remedy_of(str(error)) or (
            "A retry will not help while CLEAN_PATH is no folder that driver and workers share and "
            "may write"
        )
        raise StoreError(f"{path} cannot be written: {error}. {remedy}") from error
    return hashlib.sha256(content).hexdigest()


def _encoded(rows: pa.Table) -> pa.Buffer:
    content = pa.BufferOutputStream()
    pq.write_table(
        rows,
        content,
        use_dictionary=[name for name in rows.column_names if name not in _ALL_DIFFERENT],
        compression="zstd",
        write_page_checksum=True,
    )
    return content.getvalue()
