"""Locks between processes: rows of `warehouse.partition_locks`, which only writers can lock.

What goes here: taking a lock. What stays out: what each lock protects (in the modules that use it).

Advisory locks are not used, because every role that can log in may take them, even `analyst`. A
lock is released when its transaction ends, so a killed process holds no locks.
"""

from typing import Any

import psycopg

_ADD_ROW = """
    INSERT INTO warehouse.partition_locks (asset, partition_key) VALUES (%s, %s)
    ON CONFLICT DO NOTHING
"""
_ROW = "SELECT FROM warehouse.partition_locks WHERE (asset, partition_key) = (%s, %s)"
# Selected from pg_settings, because transaction_timeout does not exist before PostgreSQL 17.
_STAY_OPEN = """
    SELECT set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""


def lock(cursor: psycopg.Cursor[Any], asset: str, partition_key: str = "") -> None:
    """Wait for a lock, and hold it until the transaction ends.

    Args:
        cursor: belongs to a connection without autocommit; begins a transaction if none is open.
        asset: the name of the lock, usually an asset's key, e.g. `warehouse/coin_prices`.
        partition_key: Dagster's key of the partition to lock; empty if the lock is not for a
            partition.
    """
    # If another open transaction has added this row, the INSERT already waits for its end.
    cursor.execute(_ADD_ROW, [asset, partition_key])
    cursor.execute(f"{_ROW} FOR UPDATE", [asset, partition_key])


def hold_shared(connection: psycopg.Connection[Any], asset: str) -> None:
    """Wait for a shared lock, and hold it until the connection is closed.

    Args:
        connection: a new connection without autocommit, used for nothing else.
        asset: the name of the lock.
    """
    _begin_long_transaction(connection, asset)
    connection.execute(f"{_ROW} FOR SHARE", [asset, ""])


def hold_exclusive(connection: psycopg.Connection[Any], asset: str) -> bool:
    """Take an exclusive lock if it is free, and hold it until the connection is closed.

    Args:
        connection: a new connection without autocommit, used for nothing else.
        asset: the name of the lock.

    Returns:
        Whether the lock was free and is now held.
    """
    _begin_long_transaction(connection, asset)
    row = connection.execute(f"{_ROW} FOR UPDATE SKIP LOCKED", [asset, ""]).fetchone()
    return row is not None


def _begin_long_transaction(connection: psycopg.Connection[Any], asset: str) -> None:
    # Committed now, because another transaction can only lock a row that it can see.
    connection.execute(_ADD_ROW, [asset, ""])
    connection.commit()
    connection.execute(_STAY_OPEN)
