"""Checksums of what a partition holds: its published rows, and its Parquet files.

What goes here: one value per partition that changes with any row, value or byte, in whatever order
they are read. What stays out: the ledger that keeps the values (in `io_managers.publishing`), and
what a difference means (in `cli.audit`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from pyarrow import fs

from cryptoassets.partitions.spans import Span, partition_name, partitions_in
from cryptoassets.schemas import QUARANTINE, Column, Flow

_EMPTY = "0:0"
NO_ROWS = f"{_EMPTY} {_EMPTY}"
"""The checksum of a partition that has rows neither in its table nor in quarantine."""
_KEY_FORMS = {3_600: "YYYY-MM-DD-HH24:00", 86_400: "YYYY-MM-DD"}
_NOT_HASHED = ("asset", "partition_key", "run_id")
"""Columns of the quarantine that name the partition, or the run that wrote the row last."""
# The hash of a numeric leaves out its sign, that of a timestamp folds it into 32 bits: they are
# hashed as the bytes that the wire carries.
_SENT_BY: dict[str, LiteralString] = {
    "numeric": "numeric_send({})",
    "timestamptz": "timestamptz_send({})",
}

# A record's hash is a weighted sum of the hashes of its values. Added up as it is, it would miss
# two rows that swapped a value: it is hashed again, as text, for no other hash keeps 64 bits.
_CHECKSUM = """
    count(*) || ':' || sum(hashtextextended(hash_record_extended(ROW({values}), 0)::text, 0))
"""
_CHECKSUMS = """
    SELECT to_char(start AT TIME ZONE 'UTC', {form}), 0, checksum FROM (
        SELECT date_bin({length}, observed_at, '1970-01-01Z') AS start,
            {published} AS checksum
        FROM {table} WHERE observed_at >= {first} AND observed_at < {last} GROUP BY 1
    ) AS partitions
    UNION ALL
    SELECT partition_key, 1, {quarantined}
    FROM warehouse.quarantine WHERE asset = {asset} AND partition_key = ANY({keys})
    GROUP BY 1
"""


def rows_checksums(cursor: psycopg.Cursor[Any], flow: Flow, span: Span) -> dict[str, str]:
    """Checksums of the rows of all partitions of a span, of the table and of quarantine.

    All columns count but `run_id`, every value counts exactly, the order does not. Sessions and
    versions of PostgreSQL (14 and later) agree on the value.

    Args:
        cursor: any; in a transaction that publishes it sees what that transaction wrote.
        flow: whose published table is read.
        span: from the start of a partition to the end of one. Every row in it is read: pass a month
            of a large table, not all time.

    Returns:
        Partition key to checksum; a partition that is not in it has `NO_ROWS`.
    """
    keys = [partition_name(window) for window in partitions_in(span, flow.span)]
    query = sql.SQL(_CHECKSUMS).format(
        form=sql.Literal(_KEY_FORMS[int(flow.span.total_seconds())]),
        length=sql.Literal(flow.span),
        published=_checksum(flow.published.columns),
        table=sql.Identifier(flow.published.schema, flow.published.name),
        first=sql.Literal(span.start),
        last=sql.Literal(span.end),
        quarantined=_checksum(
            column for column in QUARANTINE.columns if column.name not in _NOT_HASHED
        ),
        asset=sql.Literal(flow.asset),
        keys=sql.Literal(keys),
    )
    parts: dict[str, list[str]] = defaultdict(lambda: [_EMPTY, _EMPTY])
    for key, place, checksum in cursor.execute(query):
        parts[key][place] = checksum
    return {key: " ".join(pair) for key, pair in parts.items()}


def rows_checksum(cursor: psycopg.Cursor[Any], flow: Flow, window: Span) -> str:
    """The checksum of one partition; see `rows_checksums`."""
    return rows_checksums(cursor, flow, window).get(partition_name(window), NO_ROWS)


def rows_in_checksum(checksum: str) -> tuple[int, int]:
    """How many rows of the table and of quarantine a checksum of rows is made of."""
    published, quarantined = (int(part.partition(":")[0]) for part in checksum.split(" "))
    return published, quarantined


def clean_checksum(files: Iterable[tuple[str, str]]) -> str:
    """The checksum of a partition's Parquet files.

    Args:
        files: name and SHA-256 (hex) of the bytes of each file, in any order.

    Returns:
        `<names>:<bytes>`. Two that differ in the first part are of other files: the partition was
        written again. Two that differ in the second alone are of files whose bytes were changed.
    """
    pairs = sorted(files)
    names = "\n".join(name for name, _ in pairs)
    contents = "\n".join(f"{digest} {name}" for name, digest in pairs)
    return f"{_sha256(names)}:{_sha256(contents)}"


def file_checksum(store: fs.FileSystem, path: str) -> str:
    """SHA-256 of a file's bytes as hex, read in pieces.

    Raises:
        OSError: it cannot be read, or is gone.
    """
    with store.open_input_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(columns: Iterable[Column]) -> sql.Composed:
    values = [
        sql.SQL(_SENT_BY.get(column.type, "{}")).format(sql.Identifier(column.name))
        for column in columns
    ]
    return sql.SQL(_CHECKSUM).format(values=sql.SQL(", ").join(values))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
