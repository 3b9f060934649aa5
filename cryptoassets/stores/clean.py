"""Cleaned rows handed on as the files that hold them, which Spark's tasks open.

What goes here: the handle that an asset gets, and reading a file in a worker. What stays out: which
folder is whole (in `io_managers.clean_folders`), what becomes of the rows.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from cryptoassets.errors import StoreUnavailableError, UpstreamNotMaterializedError
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.checksums import clean_checksum
from cryptoassets.stores.raw import ROWS_OF_A_BATCH, Kernel, Tasks

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FILES_OF_A_TASK = 32
BYTES_OF_A_TASK = 4 * 1024 * 1024
"""Small files share a task: a day of hours of 100 coins is one."""
_TIMES_AS_MANY = 8
"""Bytes of files that a task maps, to those of files that it copies, which takes longer."""


class Seal(NamedTuple):
    """What a file was written with: SHA-256 of its bytes, and the checksum of its rows."""

    digest: str
    checksum: str


class CleanFile(NamedTuple):
    """One committed Parquet file; `seal` is None where nothing is known of its writing."""

    partition: Span
    path: str
    size: int
    seal: Seal | None = None


@dataclass(frozen=True)
class CleanFiles:
    """Cleaned rows of one partition or more, by their files; nothing is read before it is asked.

    Attributes:
        table: their columns.
        partitions: oldest first, those without files, too.
        files: of all partitions, oldest first.
        tasks: runs tasks on executors.
        most_bytes: of the files that share a task; a larger one has a task to itself.
    """

    table: Table
    partitions: tuple[Span, ...]
    files: tuple[CleanFile, ...]
    tasks: Tasks
    most_bytes: int = BYTES_OF_A_TASK

    def groups(self) -> tuple[tuple[CleanFile, ...], ...]:
        """The files, cut into what one task each opens."""
        found: list[list[CleanFile]] = []
        size = 0
        for file in self.files:
            is_full = not found or len(found[-1]) == FILES_OF_A_TASK
            if is_full or size + file.size > self.most_bytes:
                found.append([])
                size = 0
            found[-1].append(file)
            size += file.size
        return tuple(map(tuple, found))

    def mapped(self, kernel: Kernel, table: Table, columns: Sequence[str]) -> "DataFrame":
        """What a kernel makes of each file, lazily.

        Args:
            kernel: gets the rows of a file; no instant lies in two files of a partition.
            table: the columns that it returns.
            columns: of the files, that the kernel reads; it should make few rows of many.
        """
        groups = replace(self, most_bytes=self.most_bytes * _TIMES_AS_MANY).groups()
        task = FileTask(self.table, groups, kernel, tuple(columns))
        return self.tasks(task, len(groups), table.spark_schema)


@dataclass(frozen=True)
class FileTask:
    """What a task needs to open files and to map them; shipped to the worker."""

    table: Table
    groups: tuple[tuple[CleanFile, ...], ...]
    kernel: Kernel
    columns: tuple[str, ...]

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Open and map some files, in the worker."""
        for file in self.groups[number]:
            rows = self.kernel(read_rows(self.table, file, self.columns))
            yield from rows.combine_chunks().to_batches(max_chunksize=ROWS_OF_A_BATCH)


class FileRead(NamedTuple):
    """The rows of a file, columns of its table; and their checksum."""

    rows: pa.Table
    checksum: str


def read_file(table: Table, file: CleanFile) -> FileRead:
    """Read a committed file whole; bytes that are as they were written have the rows' checksum.

    Raises:
        StoreUnavailableError: another run has replaced it.
        UpstreamNotMaterializedError: it is damaged, or not as it was written.
    """
    rows = read_rows(table, file, table.column_names)
    return FileRead(rows, file.seal.checksum if file.seal else clean_checksum(rows))


def read_rows(table: Table, file: CleanFile, columns: Sequence[str]) -> pa.Table:
    """Read some columns of a committed file; raises what `read_file` does."""
    store, path = fs.FileSystem.from_uri(file.path)
    name = f"{table.schema}/{table.name} {partition_name(file.partition)}: {file.path}"
    try:
        with store.open_input_file(path) as opened:
            content = opened.read_buffer()
        _refuse_other_bytes(content, file.seal)
        schema = pa.schema([arrow_schema(table).field(name) for name in columns])
        rows = pq.read_table(
            pa.BufferReader(content), columns=schema.names, page_checksum_verification=True
        )
        return rows.select(schema.names).cast(schema)
    except FileNotFoundError as error:
        raise StoreUnavailableError(f"{name} was replaced meanwhile. A retry helps") from error
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).partition("\n")[0]
        raise UpstreamNotMaterializedError(
            f"{name} cannot be read: {reason}. A retry will not help; `cryptoassets rebuild` of "
            "that hour or day makes it from raw again"
        ) from error


def _refuse_other_bytes(content: pa.Buffer, seal: Seal | None) -> None:
    if seal and hashlib.sha256(content).hexdigest() != seal.digest:
        raise pa.ArrowInvalid("its bytes are not those that were written")
