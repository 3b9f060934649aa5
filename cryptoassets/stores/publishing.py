"""The SQL that publishes a partition: readers see either the old state or the new one.

What goes here: statements and their order inside one transaction. What stays out: connections,
Dagster, Spark (in `io_managers.postgres`).

Every function works inside the caller's transaction and touches only rows that are new, changed or
obsolete. The current hour is published twelve times, and most of its rows stay unchanged.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from cryptoassets.schemas import COINS, LOADS, QUARANTINE, Table
from cryptoassets.stores.copying import staging_name
from cryptoassets.transforms.reconciliation import Counts

Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True)
class Load(Counts):
    """The row that a publication writes to the ledger, `warehouse.loads`."""

    asset: str
    partition_key: str
    run_id: str


@dataclass(frozen=True)
class Changes:
    """The number of rows that a publication wrote and removed."""

    rows_written: int = 0
    rows_removed: int = 0

    def __bool__(self) -> bool:
        """Whether any row was written or removed."""
        return bool(self.rows_written or self.rows_removed)

    def __add__(self, other: "Changes") -> "Changes":
        """Add up the changes of two steps in the same transaction."""
        return Changes(
            self.rows_written + other.rows_written, self.rows_removed + other.rows_removed
        )


@dataclass(frozen=True)
class Checksums:
    """Checksums for the ledger (see `stores.checksums`); `clean` is None without Parquet files."""

    clean: str | None
    rows: str


def count_rows(
    cursor: Cursor, table: Table, scope: sql.Composable, asset: str, partition_key: str
) -> tuple[int, int]:
    """Count the rows of a table that match `scope`, and the quarantined rows of a partition."""
    query = sql.SQL(
        "SELECT (SELECT count(*) FROM {table} WHERE {scope}), (SELECT count(*) "
        "FROM warehouse.quarantine WHERE asset = {asset} AND partition_key = {key})"
    ).format(
        table=sql.Identifier(table.schema, table.name),
        scope=scope,
        asset=sql.Literal(asset),
        key=sql.Literal(partition_key),
    )
    rows, refused = cursor.execute(query).fetchone() or (0, 0)
    return rows, refused


def count_reasons(cursor: Cursor, asset: str, partition_key: str) -> dict[str, int]:
    """Count the quarantined documents of a partition per reason code, most frequent first."""
    cursor.execute(
        "SELECT reason, count(*) FROM warehouse.quarantine, unnest(reasons) AS reason "
        "WHERE asset = %s AND partition_key = %s GROUP BY 1 ORDER BY 2 DESC, 1",
        [asset, partition_key],
    )
    return dict(cursor.fetchall())


def in_window(column: str, window: tuple[date, date]) -> sql.Composable:
    """The SQL condition that a row's time or day lies in a window."""
    start, end = window
    return sql.SQL("{column} >= {start} AND {column} < {end}").format(
        column=sql.Identifier(column), start=sql.Literal(start), end=sql.Literal(end)
    )


def delete_unstaged(table: Table, scope: sql.Composable, staged: sql.Composable) -> sql.Composed:
    """DELETE rows in scope whose key is not staged."""
    return sql.SQL(
        "DELETE FROM {table} AS there WHERE {scope} "
        "AND NOT EXISTS (SELECT FROM {staged} AS staged WHERE {same_key})"
    ).format(
        table=sql.Identifier(table.schema, table.name),
        staged=staged,
        scope=scope,
        same_key=sql.SQL(" AND ").join(
            sql.SQL("staged.{0} = there.{0}").format(sql.Identifier(name)) for name in table.key
        ),
    )


def merge_staged(
    table: Table, staged: sql.Composable, *, ignored: tuple[str, ...] = ()
) -> sql.Composed:
    """INSERT staged rows; UPDATE existing rows that differ in a column that is not ignored."""
    values = [name for name in table.column_names if name not in table.key]
    compared = [name for name in values if name not in ignored]
    return sql.SQL(
        "INSERT INTO {table} AS there ({columns}) SELECT {columns} FROM {staged} AS staged "
        "ON CONFLICT ({key}) DO UPDATE SET {assignments} "
        "WHERE ({there}) IS DISTINCT FROM ({coming})"
    ).format(
        table=sql.Identifier(table.schema, table.name),
        staged=staged,
        columns=_names(table.column_names),
        key=_names(table.key),
        assignments=sql.SQL(", ").join(
            sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in values
        ),
        there=_names(compared, "there"),
        coming=_names(compared, "excluded"),
    )


def insert_staged(table: Table, staged: sql.Composable) -> sql.Composed:
    """INSERT staged rows; none of their keys may exist in the table."""
    return sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {staged} AS staged"
    ).format(
        table=sql.Identifier(table.schema, table.name),
        staged=staged,
        columns=_names(table.column_names),
    )


def replace_rows(
    cursor: Cursor, table: Table, scope: sql.Composable, staged: sql.Composable | None = None
) -> Changes:
    """Make the rows in scope equal to the staged rows.

    Args:
        cursor: cursor in the publishing transaction.
        table: the table to write.
        scope: condition on key columns that selects the rows to replace.
        staged: a table or a query in parentheses; None means the table that `stage` created.
    """
    staged = staged or sql.Identifier(staging_name(table))
    any_row = sql.SQL("SELECT FROM {} WHERE {} LIMIT 1").format(
        sql.Identifier(table.schema, table.name), scope
    )
    if cursor.execute(any_row).rowcount == 0:
        # The scope is empty, so a plain INSERT is enough; a lookup per row would double the cost.
        return Changes(cursor.execute(insert_staged(table, staged)).rowcount)
    return merge_rows(cursor, table, scope, staged)


def merge_rows(
    cursor: Cursor,
    table: Table,
    scope: sql.Composable,
    staged: sql.Composable,
    *,
    ignored: tuple[str, ...] = (),
) -> Changes:
    """Make the rows in scope equal to the staged rows, whose keys may also exist outside the scope.

    Args:
        cursor: cursor in the publishing transaction.
        table: the table to write.
        scope: condition that selects the rows to replace.
        staged: a table or a query in parentheses.
        ignored: columns whose differences alone do not cause an update.
    """
    removed = cursor.execute(delete_unstaged(table, scope, staged)).rowcount
    written = cursor.execute(merge_staged(table, staged, ignored=ignored)).rowcount
    return Changes(written, removed)


def replace_quarantine(
    cursor: Cursor, load: Load, valid: sql.Composable, refused: sql.Composable
) -> tuple[Changes, int]:
    """Make the quarantined rows of an asset's partition equal to the staged rows.

    Args:
        cursor: cursor in the publishing transaction.
        load: identifies the asset, the partition and the run.
        valid: query that selects the staged rows for the published table.
        refused: query that selects the staged rows for the quarantine.

    Returns:
        The quarantine rows that were written and removed, and the number of documents that were
        released from the quarantine. Each release has a row in `warehouse.quarantine_releases`.
    """
    scope = sql.SQL("asset = {} AND partition_key = {}").format(
        sql.Literal(load.asset), sql.Literal(load.partition_key)
    )
    released = _record_releases(cursor, load, valid, refused)
    changes = merge_rows(cursor, QUARANTINE, scope, refused, ignored=("run_id",))
    return changes, released


def add_to_quarantine(cursor: Cursor, refused: sql.Composable) -> Changes:
    """Add the staged rows to the quarantine; keep the other rows of the partition."""
    statement = merge_staged(QUARANTINE, refused, ignored=("run_id",))
    return Changes(cursor.execute(statement).rowcount)


def _record_releases(
    cursor: Cursor, load: Load, valid: sql.Composable, refused: sql.Composable
) -> int:
    return cursor.execute(
        sql.SQL(
            "INSERT INTO warehouse.quarantine_releases (asset, raw_id, released_at, partition_key, "
            "reasons, first_seen_at, outcome, run_id) "
            "SELECT asset, raw_id, now(), partition_key, reasons, first_seen_at, "
            "CASE WHEN EXISTS (SELECT FROM {valid} AS valid WHERE valid.raw_id = there.raw_id) "
            "THEN 'loaded' ELSE 'superseded' END, %(run_id)s "
            "FROM warehouse.quarantine AS there "
            "WHERE asset = %(asset)s AND partition_key = %(partition_key)s "
            "AND NOT EXISTS (SELECT FROM {refused} AS refused WHERE refused.raw_id = there.raw_id)"
        ).format(valid=valid, refused=refused),
        {name: getattr(load, name) for name in ("asset", "partition_key", "run_id")},
    ).rowcount


def merge_coins(cursor: Cursor) -> Changes:
    """Upsert staged coins; the newest observation of a coin determines its name, rank etc.

    The oldest observation determines `first_seen_at`.
    """
    described = [name for name in COINS.column_names if not name.endswith("_at")][1:]
    staged = sql.Identifier(staging_name(COINS))
    assignments = [
        sql.SQL(
            "{0} = CASE WHEN EXCLUDED.last_seen_at >= there.last_seen_at "
            "THEN EXCLUDED.{0} ELSE there.{0} END"
        ).format(sql.Identifier(name))
        for name in described
    ]
    # Sorted, so that concurrent runs lock the coins in the same order and cannot deadlock.
    statement = sql.SQL(
        "INSERT INTO warehouse.coins AS there ({columns}) "
        "SELECT {columns} FROM {staged} ORDER BY coin_id "
        "ON CONFLICT (coin_id) DO UPDATE SET {assignments}, "
        "first_seen_at = LEAST(there.first_seen_at, EXCLUDED.first_seen_at), "
        "last_seen_at = GREATEST(there.last_seen_at, EXCLUDED.last_seen_at) "
        "WHERE EXCLUDED.first_seen_at < there.first_seen_at "
        "OR (EXCLUDED.last_seen_at >= there.last_seen_at AND ({there}) IS DISTINCT FROM ({coming}))"
    ).format(
        columns=_names(COINS.column_names),
        staged=staged,
        assignments=sql.SQL(", ").join(assignments),
        there=_names([*described, "last_seen_at"], "there"),
        coming=_names([*described, "last_seen_at"], "excluded"),
    )
    return Changes(cursor.execute(statement).rowcount)


def write_ledger(cursor: Cursor, load: Load, checksums: Checksums, publication: int) -> None:
    """Write the ledger row of a publication, in the publishing transaction.

    Args:
        cursor: cursor in that transaction.
        load: the partition and its counts.
        checksums: checksums of the cleaned and of the published rows.
        publication: its number; if no row of the table changed, pass 0 to keep the old number.
    """
    names = [name for name in LOADS.column_names if name not in ("loaded_at", "expired_at")]
    replaced = [name for name in names if name != "publication"]
    cursor.execute(
        sql.SQL(
            "INSERT INTO warehouse.loads AS there ({columns}, loaded_at) VALUES ({values}, now()) "
            "ON CONFLICT (asset, partition_key) DO UPDATE SET {assignments}, loaded_at = now(), "
            "publication = CASE EXCLUDED.publication WHEN 0 THEN there.publication "
            "ELSE EXCLUDED.publication END"
        ).format(
            columns=_names(names),
            values=sql.SQL(", ").join(map(sql.Placeholder, names)),
            assignments=sql.SQL(", ").join(
                sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in replaced
            ),
        ),
        {
            **asdict(load),
            "publication": publication,
            "clean_checksum": checksums.clean,
            "rows_checksum": checksums.rows,
        },
    )


def _names(names: tuple[str, ...] | list[str], prefix: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*filter(None, (prefix, name))) for name in names)
