"""Checksums of a partition's published rows and of its cleaned rows.

What goes here: computing a checksum per partition. It changes if any row or value changes, but does
not depend on the order of rows. What stays out: storing the checksums in the ledger (in
`stores.publishing`), and interpreting differences (in `operations.audit_partitions`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, LiteralString

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets.partitions.spans import Span, partition_name, partitions_in
from cryptoassets.schemas import QUARANTINE, Column, Flow
from cryptoassets.stores.copying import times_as_texts

_EMPTY = "0:0"
_ROWS_AT_ONCE = 10_000
_MODULUS = 2**64
_NULL, _BETWEEN_VALUES, _BETWEEN_ITEMS = "\x00", "\x1e", "\x1f"
NO_ROWS = f"{_EMPTY} {_EMPTY}"
"""The checksum of a partition without rows in its table and in the quarantine."""
_KEY_FORMATS = {3_600: "YYYY-MM-DD-HH24:00", 86_400: "YYYY-MM-DD"}
_NOT_HASHED = ("asset", "partition_key", "run_id")
"""Columns of the quarantine that only name the partition, or the run that last wrote the row."""
_HASHED_OF_QUARANTINE = [column for column in QUARANTINE.columns if column.name not in _NOT_HASHED]
# PostgreSQL's hash of a numeric ignores its sign, and that of a timestamp has only 32 bits.
# Therefore the binary wire format of these values is hashed.
_BINARY_FORMAT: dict[str, LiteralString] = {
    "numeric": "numeric_send({})",
    "timestamptz": "timestamptz_send({})",
}

# The hash of a record is a weighted sum of the hashes of its values. A plain sum of record hashes
# would not change if two rows swapped a value. Therefore each record's hash is hashed again. It is
# hashed as text, because PostgreSQL's hash of an integer has only 32 bits, too.
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

_ADDED = """
    SELECT
        (SELECT {published} FROM {table} WHERE observed_at >= {first} AND observed_at < {last}),
        (
            SELECT {quarantined} FROM warehouse.quarantine
            WHERE asset = {asset} AND raw_id IN (SELECT raw_id FROM {refused} AS refused)
        )
"""


def rows_checksums(cursor: psycopg.Cursor[Any], flow: Flow, span: Span) -> dict[str, str]:
    """Compute one checksum per partition of a span, for its rows in the table and in quarantine.

    All columns count, except those that only name the partition or the run. Every value counts
    exactly, and the order of rows does not matter. The result does not depend on the session or
    the version of PostgreSQL (14 or later).

    Args:
        cursor: any cursor; in a publishing transaction it sees the rows of that transaction.
        flow: the flow whose published table is read.
        span: starts and ends at partition boundaries. Every row in it is read, so pass at most a
            month of a large table.

    Returns:
        Maps partition keys to checksums. A partition without rows is left out; its checksum
        is `NO_ROWS`.
    """
    keys = [partition_name(window) for window in partitions_in(span, flow.span)]
    query = sql.SQL(_CHECKSUMS).format(
        form=sql.Literal(_KEY_FORMATS[int(flow.span.total_seconds())]),
        length=sql.Literal(flow.span),
        keys=sql.Literal(keys),
        **_hashed(flow, span),
    )
    parts: dict[str, list[str]] = defaultdict(lambda: [_EMPTY, _EMPTY])
    for key, place, checksum in cursor.execute(query):
        parts[key][place] = checksum
    return {key: " ".join(pair) for key, pair in parts.items()}


def rows_checksum(cursor: psycopg.Cursor[Any], flow: Flow, window: Span) -> str:
    """The checksum of one partition; see `rows_checksums`."""
    return rows_checksums(cursor, flow, window).get(partition_name(window), NO_ROWS)


def added_rows_checksum(
    cursor: psycopg.Cursor[Any], flow: Flow, span: Span, refused: sql.Composable
) -> str:
    """The checksum of some rows of one partition; see `rows_checksums`.

    Args:
        cursor: cursor in the publishing transaction.
        flow: the flow whose published table is read.
        span: the times of these rows in the table.
        refused: a query in parentheses that returns the `raw_id` of these rows in quarantine.
    """
    query = sql.SQL(_ADDED).format(refused=refused, **_hashed(flow, span))
    parts = cursor.execute(query).fetchone() or ()
    return " ".join(part or _EMPTY for part in parts)


def _hashed(flow: Flow, span: Span) -> dict[str, sql.Composable]:
    """The parameters of `_CHECKSUMS` and `_ADDED`: what to hash, the table, the asset, times."""
    return {
        "published": _checksum(flow.published.columns),
        "table": sql.Identifier(flow.published.schema, flow.published.name),
        "first": sql.Literal(span.start),
        "last": sql.Literal(span.end),
        "quarantined": _checksum(_HASHED_OF_QUARANTINE),
        "asset": sql.Literal(flow.asset),
    }


def sum_rows_checksums(first: str, second: str) -> str:
    """Combine the checksums of two parts of a partition that have no row in common."""
    return " ".join(
        ":".join(str(int(a) + int(b)) for a, b in zip(*pair, strict=True))
        for pair in zip(*(_numbers(checksum) for checksum in (first, second)), strict=True)
    )


def _numbers(checksum: str) -> list[list[str]]:
    return [part.split(":") for part in checksum.split(" ")]


def rows_in_checksum(checksum: str) -> tuple[int, int]:
    """Return the numbers of rows in the table and in quarantine, which a checksum contains."""
    published, quarantined = (int(part.partition(":")[0]) for part in checksum.split(" "))
    return published, quarantined


def clean_checksum(judged: pa.Table) -> str:
    """The checksum of cleaned rows.

    Every value counts exactly. The order of rows and their division into files do not matter.

    Args:
        judged: rows with the columns of a cleaned table, in the table's order.

    Returns:
        `<number of rows>:<sum of their hashes>`; see `sum_checksums`.
    """
    total = 0
    for batch in judged.to_batches(max_chunksize=_ROWS_AT_ONCE):
        columns = [_texts(column) for column in batch.columns]
        rows = pc.binary_join_element_wise(*columns, _BETWEEN_VALUES).cast(pa.binary()).to_pylist()
        digests = b"".join([hashlib.blake2b(row, digest_size=8).digest() for row in rows])
        # numpy computes sums of unsigned 64-bit integers modulo 2**64.
        total += int(np.frombuffer(digests, ">u8").sum(dtype=np.uint64))
    return f"{judged.num_rows}:{total % _MODULUS}"


def sum_checksums(checksums: Iterable[str]) -> str:
    """Combine the checksums of parts of cleaned rows, which have no row in common."""
    parts = [tuple(map(int, checksum.split(":"))) for checksum in checksums]
    return f"{sum(rows for rows, _ in parts)}:{sum(total for _, total in parts) % _MODULUS}"


def _texts(column: pa.Array) -> pa.Array:
    """Convert values to strings; null becomes a string that no value has."""
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, _BETWEEN_ITEMS)
    is_time = pa.types.is_timestamp(column.type)
    texts = times_as_texts(column) if is_time else column.cast(pa.string())
    return pc.fill_null(texts, _NULL)


def _checksum(columns: Iterable[Column]) -> sql.Composed:
    values = [
        sql.SQL(_BINARY_FORMAT.get(column.type, "{}")).format(sql.Identifier(column.name))
        for column in columns
    ]
    return sql.SQL(_CHECKSUM).format(values=sql.SQL(", ").join(values))
