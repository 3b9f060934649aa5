"""Represents cleaned rows by the files that contain them; Spark's tasks open the files.

What goes here: the handle that an asset receives, and reading a file. What stays out: which folders
are complete (in `stores.clean_folders`), how the rows are used.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from cryptoassets.errors import StoreUnavailableError, UpstreamNotMaterializedError
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import Table, asset_of
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.checksums import clean_checksum
from cryptoassets.stores.raw import ROWS_PER_BATCH, Kernel, Tasks

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FILES_PER_TASK = 32
BYTES_PER_TASK = 4 * 1024 * 1024
"""Small files share a task: 24 hours of 100 coins fit into one task."""
_MAPPED_BYTES_FACTOR = 8
"""A task that maps rows may read this many times the bytes of a task that copies rows to
PostgreSQL, because copying takes longer."""


class Seal(NamedTuple):
    """The SHA-256 of a file's bytes and the checksum of its rows, recorded when it was written."""

    digest: str
    checksum: str


class CleanFile(NamedTuple):
    """One committed Parquet file.

    Attributes:
        partition: the partition to which all its rows belong.
        path: a path or URI that workers can open.
        size: in bytes.
        seal: None if none was recorded when the file was written.
        first: `observed_at` of its oldest row; None if unknown or if it is the only file.
    """

    partition: Span
    path: str
    size: int
    seal: Seal | None = None
    first: datetime | None = None

    @property
    def name(self) -> str:
        """The name of the file in its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class CleanFiles:
    """Cleaned rows of one or more partitions, represented by files that are read when needed.

    Attributes:
        table: describes the columns.
        partitions: all partitions, oldest first, including those without files.
        files: files of all partitions, oldest first.
        tasks: runs tasks on executors.
        max_bytes: limit for the files of one task; a larger file has a task to itself.
    """

    table: Table
    partitions: tuple[Span, ...]
    files: tuple[CleanFile, ...]
    tasks: Tasks
    max_bytes: int = BYTES_PER_TASK

    def groups(self) -> tuple[tuple[CleanFile, ...], ...]:
        """The files in groups, one per task."""
        found: list[list[CleanFile]] = []
        size = 0
        for file in self.files:
            is_full = not found or len(found[-1]) == FILES_PER_TASK
            if is_full or size + file.size > self.max_bytes:
                found.append([])
                size = 0
            found[-1].append(file)
            size += file.size
        return tuple(map(tuple, found))

    def mapped(self, kernel: Kernel, table: Table, columns: Sequence[str]) -> "DataFrame":
        """The rows that a kernel returns for each file, computed lazily.

        Args:
            kernel: a function that takes the rows of a file and should return few rows compared
                with its input; all rows of an instant are in the same file.
            table: describes the columns that the kernel returns.
            columns: the columns that the kernel reads.
        """
        groups = replace(self, max_bytes=self.max_bytes * _MAPPED_BYTES_FACTOR).groups()
        task = FileTask(self.table, groups, kernel, tuple(columns))
        return self.tasks(task, len(groups), table.spark_schema)


@dataclass(frozen=True)
class FileTask:
    """What a task needs to open and map files; sent to the worker."""

    table: Table
    groups: tuple[tuple[CleanFile, ...], ...]
    kernel: Kernel
    columns: tuple[str, ...]

    def __call__(self, index: int) -> Iterator[pa.RecordBatch]:
        """Open and map the files of one group, in the worker."""
        for file in self.groups[index]:
            rows = self.kernel(read_rows(self.table, file, self.columns))
            yield from rows.combine_chunks().to_batches(max_chunksize=ROWS_PER_BATCH)


class FileRead(NamedTuple):
    """The rows of a file, with all columns of its table, and the checksum of the rows."""

    rows: pa.Table
    checksum: str


def read_file(table: Table, file: CleanFile) -> FileRead:
    """Read a committed file; take the checksum from its seal, or compute it if there is no seal.

    Raises:
        StoreUnavailableError: another run has replaced the file.
        UpstreamNotMaterializedError: the file is damaged or was changed.
    """
    rows = read_rows(table, file, table.column_names)
    return FileRead(rows, file.seal.checksum if file.seal else clean_checksum(rows))


def read_rows(table: Table, file: CleanFile, columns: Sequence[str]) -> pa.Table:
    """Read some columns of a committed file; raises the same errors as `read_file`."""
    store, path = fs.FileSystem.from_uri(file.path)
    name = f"{asset_of(table)} {partition_name(file.partition)}: {file.path}"
    try:
        with store.open_input_file(path) as opened:
            content = opened.read_buffer()
        _refuse_changed_bytes(content, file.seal)
        schema = pa.schema([arrow_schema(table).field(name) for name in columns])
        rows = pq.read_table(
            pa.BufferReader(content), columns=schema.names, page_checksum_verification=True
        )
        return rows.select(schema.names).cast(schema)
    except FileNotFoundError as error:
        raise StoreUnavailableError(
            f"{name} was replaced in the meantime. A retry helps"
        ) from error
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).partition("\n")[0]
        raise UpstreamNotMaterializedError(
            f"{name} cannot be read: {reason}. A retry will not help; `cryptoassets rebuild` of "
            "that hour or day restores it from raw"
        ) from error


def _refuse_changed_bytes(content: pa.Buffer, seal: Seal | None) -> None:
    if seal and hashlib.sha256(content).hexdigest() != seal.digest:
        raise pa.ArrowInvalid("its bytes have changed since it was written")
