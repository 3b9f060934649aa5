"""Reads the credit ledger `warehouse.credits`.

What goes here: the queries that fetches, `backfill`, `status` and metrics need. What stays out:
reserving and counting credits (in `resources.credits`).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg

from cryptoassets.coincap.credits import Budget
from cryptoassets.coincap.protocol import HISTORY_ROUTE


def read_budget(connection: psycopg.Connection[Any], monthly: int, now: datetime) -> Budget:
    """Return the budget of the calendar month (UTC) that contains `now`.

    Args:
        connection: a connection of any role that may read `warehouse`.
        monthly: the plan's credits per calendar month; 0 = no limit.
        now: a time with a time zone.
    """
    month = Budget(monthly=monthly, spent=0, now=now)
    rows = connection.execute(
        "SELECT coalesce(sum(spent), 0)::bigint, "
        "coalesce(sum(spent) FILTER (WHERE route = %s), 0)::bigint "
        "FROM (SELECT route, coalesce(counted, estimated) AS spent FROM warehouse.credits "
        "WHERE called_at >= %s AND called_at < %s) AS calls",
        [HISTORY_ROUTE, month.month_start, month.next_month],
    ).fetchall()
    return replace(month, spent=rows[0][0], history=rows[0][1])


def spent_since(
    connection: psycopg.Connection[Any], moment: datetime, *, counts_history: bool = True
) -> int:
    """Return the credits spent since `moment`, with or without those for history.

    A call whose credits are not counted yet counts with its estimate.
    """
    rows = connection.execute(
        "SELECT coalesce(sum(coalesce(counted, estimated)), 0)::bigint "
        "FROM warehouse.credits WHERE called_at >= %s AND (%s OR route <> %s)",
        [moment, counts_history, HISTORY_ROUTE],
    ).fetchall()
    spent: int = rows[0][0]
    return spent


def spent_on_history(connection: psycopg.Connection[Any]) -> int:
    """Return the credits spent on history in all months; uncounted calls count as estimated."""
    rows = connection.execute(
        "SELECT coalesce(sum(coalesce(counted, estimated)), 0)::bigint "
        "FROM warehouse.credits WHERE route = %s",
        [HISTORY_ROUTE],
    ).fetchall()
    spent: int = rows[0][0]
    return spent
