"""Mapped rows on their way to Parquet: each range a file, written by the task that made its rows.

What goes here: writing a file in a worker, and what a task reports. What stays out: which folder
the files become part of (in `io_managers.clean_writing`), the rows (in `raw`).

Spark may run a task twice. Each attempt writes a file of its own in a folder that no reader sees,
and reports it when it is whole; only the files that the driver has collected count.
"""

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
from cryptoassets.shortages import remedy_of
from cryptoassets.stores.mongodb import Fetches
from cryptoassets.stores.raw import MappedRaw, RangeTask

# Texts that hardly any two rows share; a dictionary of them is built only to be thrown away.
_ALL_DIFFERENT = frozenset({"raw_id", "payload"})
_SCHEMA = "folder STRING, name STRING, rows BIGINT"
_ARROW_SCHEMA = pa.schema([("folder", pa.string()), ("name", pa.string()), ("rows", pa.int64())])


class Written(NamedTuple):
    """One file that counts.

    Attributes:
        folder: of its partition, as `spans.folder_name` names it.
        name: of the file.
        rows: in it.
    """

    folder: str
    name: str
    rows: int


def write_ranges(
    mapped: MappedRaw, folder: str, fetches: Fetches, *, after: datetime | None = None
) -> list[Written]:
    """Have tasks read documents, map them and write them as Parquet; ranges without rows have none.

    Args:
        mapped: the documents, and what is done with them.
        folder: URI of a folder that is there, which driver and workers share.
        fetches: of `mapped.source.fetches()`.
        after: of a single partition only what is newer.
    """
    work = mapped.task(fetches, after)
    task = WriteTask(work, folder)
    # Collected once: each evaluation would write all files again.
    rows = mapped.source.tasks(task, len(work.ranges), _SCHEMA).collect()
    return [Written(**row.asDict()) for row in rows]


@dataclass(frozen=True)
class WriteTask:
    """What a task needs to write its range; shipped to the worker, without secrets."""

    work: RangeTask
    folder: str

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Read, map and write one range, then tell of its file; in the worker."""
        rows = self.work.rows(number)
        if not rows.num_rows:
            return
        name = f"part-{number:05d}-{uuid4().hex}.parquet"
        write_file(f"{self.folder}/{name}", rows)
        partition = folder_name(self.work.ranges[number].partition)
        told = Written(partition, name, rows.num_rows)
        yield pa.RecordBatch.from_pylist([told._asdict()], schema=_ARROW_SCHEMA)


def write_file(uri: str, rows: pa.Table) -> None:
    """Write one Parquet file, which only its user may read.

    Raises:
        StoreError: it cannot be written.
    """
    store, path = fs.FileSystem.from_uri(uri)
    try:
        with store.open_output_stream(path) as file:
            if isinstance(store, fs.LocalFileSystem):
                Path(path).chmod(0o600)
            pq.write_table(
                rows,
                file,
                use_dictionary=[name for name in rows.column_names if name not in _ALL_DIFFERENT],
                compression="zstd",
                write_page_checksum=True,
            )
    except OSError as error:
        remedy = remedy_of(str(error)) or (
            "A retry will not help while CLEAN_PATH is no folder that driver and workers share and "
            "may write"
        )
        raise StoreError(f"{path} cannot be written: {error}. {remedy}") from error
