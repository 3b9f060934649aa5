"""Reads rows for a page as the role `analyst`: short statements, each in its own transaction.

What goes here: running the statements of `queries`, caching rows for 15 seconds, and keeping
connections for a minute. What stays out: how to connect (in `analysis.connection`).
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
import streamlit as st
from psycopg.rows import dict_row

from cryptoassets.analysis.connection import connect, query_errors
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.monitoring.credits import CreditStatus, read_credits
from cryptoassets.monitoring.warehouse import NewestRow, OpenGaps, newest_row, open_gaps
from cryptoassets.schemas import COIN_PRICES
from cryptoassets.settings import load_settings

Row = dict[str, Any]

CACHE_SECONDS = 15
# A statement is cancelled after 10 s. It waits at most 1 s for a lock, because writers would queue
# behind a waiting reader.
_LIMITS = "SET statement_timeout = '10s'; SET lock_timeout = '1s'"
# Connections are kept, because opening one takes longer than all queries of a page. They are
# replaced after a minute, because only `connect` checks that the role still cannot write.
_KEPT_SECONDS = 60.0
_idle: list[tuple[psycopg.Connection, float]] = []
"""Connections that are not in use, each with its opening time by `time.monotonic()`."""
_AMOUNT = re.compile(r"\{(\w+) @ ([^}]+)\}")


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False, max_entries=200)
def rows_of(
    queries: Mapping[str, str], currency: str = "USD", **parameters: object
) -> dict[str, list[Row]]:
    """Run statements on one connection; return the rows of each statement under its name.

    Args:
        queries: statements of the module `queries`, by name.
        currency: the reader's currency.
        parameters: values for `%(name)s`.

    Raises:
        CryptoassetsError: there is no connection, or a statement failed or took too long.
    """

    def read(connection: psycopg.Connection) -> dict[str, list[Row]]:
        found = {}
        with connection.cursor(row_factory=dict_row) as cursor:
            for name, query in queries.items():
                cursor.execute(converted(query, currency), {**parameters, "currency": currency})
                found[name] = cursor.fetchall()
        return found

    return _with_connection(read)


@dataclass(frozen=True)
class PlatformState:
    """The newest price, open gaps and CoinCap's credits, as alerts and metrics report them."""

    price: NewestRow
    gaps: OpenGaps
    credits: CreditStatus


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def platform_state() -> PlatformState:
    """Read the state in the same way as alerts and metrics do.

    Raises:
        CryptoassetsError: see `rows_of`.
    """
    settings = load_settings()
    monthly, coins = settings.coincap_monthly_credits, settings.coincap_coins
    return _with_connection(
        lambda connection: PlatformState(
            newest_row(connection, COIN_PRICES),
            open_gaps(connection, settings.coincap_history_interval),
            read_credits(connection, monthly, coins),
        )
    )


_Found = TypeVar("_Found")


def _with_connection(read: Callable[[psycopg.Connection], _Found]) -> _Found:
    """Call `read` with a kept connection, or a new one if none is kept or the server closed it."""
    while True:
        connection, opened_at = _idle.pop() if _idle else (None, time.monotonic())
        is_kept = connection is not None
        if connection is not None and time.monotonic() - opened_at > _KEPT_SECONDS:
            connection.close()
            continue
        if connection is None:
            connection = connect()
        try:
            with query_errors():
                if not is_kept:
                    connection.execute(_LIMITS)
                found = read(connection)
        except BaseException as error:
            connection.close()
            if is_kept and isinstance(error, StoreUnavailableError):
                continue
            raise
        _idle.append((connection, opened_at))
        return found


def converted(query: str, currency: str) -> str:
    """Replace `{amount @ time}` with SQL that converts the amount: null if no rate is valid."""
    if currency == "USD":
        return _AMOUNT.sub(r"\1", query)
    return _AMOUNT.sub(r"warehouse.price_in(\1, %(currency)s, (\2)::timestamptz)", query)
