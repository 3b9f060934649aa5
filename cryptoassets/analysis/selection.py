"""Queries on the platform's tables: filtered by coin and time, with amounts in any currency.

What goes here: the SQL for `prices`, `history`, `candles`, `rates` and `export`. What stays out:
running the SQL (in `query`), choosing the exchange rate (in the SQL function `warehouse.price_in`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import psycopg

from cryptoassets.analysis.connection import query_errors
from cryptoassets.analysis.moments import Moment, as_utc
from cryptoassets.analysis.tables import closest
from cryptoassets.errors import SettingsError
from cryptoassets.schemas import CANDLE_MS, Column, Table

US_DOLLAR = "USD"
ALL_RATES = """
    SELECT * FROM (
        SELECT currency, symbol, observed_at, usd_per_unit, type, source, false AS is_daily,
            fetched_at, raw_id
        FROM warehouse.fx_rates
        UNION ALL
        SELECT NULL, symbol, day::timestamp AT TIME ZONE 'UTC', usd_per_unit, 'fiat', source, true,
            fetched_at, NULL
        FROM warehouse.ecb_rates
    ) AS rates
    WHERE observed_at >= coalesce(%(since)s, '-infinity'::timestamptz)
        AND observed_at < coalesce(%(until)s, 'infinity'::timestamptz)
    ORDER BY symbol, observed_at, is_daily
"""
_HOW_TO_LIST_COINS = (
    '`cryptoassets sql "select coin_id, name from coins"` lists all coins; in Python, `ca.coins()`'
)
_CURRENCY = re.compile(r"[A-Z]{2,10}")
_OTHER_TIMES = (
    *("gap_start", "first_seen_at", "loaded_at", "published_at", "released_at", "called_at"),
)
"""In a table without partitions, `since` and `until` apply to the first of these that it has."""
_CANDLE = ("open", "high", "low", "close")
# The last moment of a candle or a day. Amounts are converted at the rate at that moment.
_LENGTHS = " ".join(
    f"WHEN '{name}' THEN interval '{milliseconds} milliseconds'"
    for name, milliseconds in CANDLE_MS.items()
)
_END_OF_CANDLE = f"start_at + CASE \"interval\" {_LENGTHS} END - interval '1 microsecond'"
_ENDS = {
    "day": "(day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond'",
    "start_at": _END_OF_CANDLE,
}


@dataclass(frozen=True)
class Filter:
    """Which rows of a table are read, and the currency to which amounts are converted.

    Attributes:
        coins: coin ids; None means all coins.
        since: start of the period, inclusive; None means from the beginning.
        until: end of the period, exclusive; None means to the end.
        currency: ISO code or symbol; unless it is USD, columns with converted amounts are added.
        values: further columns, each with the value that it must have.
    """

    coins: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    currency: str = US_DOLLAR
    values: tuple[tuple[str, object], ...] = ()


def make_filter(
    coins: str | Iterable[str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    currency: str = US_DOLLAR,
    zone: tzinfo = UTC,
) -> Filter:
    """Check a user's arguments and return them as a filter.

    Raises:
        SettingsError: a moment or the currency is invalid.
    """
    code = currency.strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise SettingsError(f"{currency!r} is not a currency. Write a code, such as EUR or JPY")
    return Filter(
        coins=(coins,) if isinstance(coins, str) else None if coins is None else tuple(coins),
        since=None if since is None else as_utc(since, zone),
        until=None if until is None else as_utc(until, zone),
        currency=code,
    )


def selection(table: Table, wanted: Filter) -> tuple[str, dict[str, object]]:
    """Return the query that reads a table's rows, ordered by key, and the query's parameters.

    Raises:
        SettingsError: the filter needs coins, times or amounts, but the table has none.
    """
    time = _time_column(table)
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    if wanted.coins is not None:
        _require(table, "coin_id" in table.column_names, "coins")
        conditions.append("coin_id = ANY (%(coins)s)")
        parameters["coins"] = list(wanted.coins)
    for name, operator, moment in (("since", ">=", wanted.since), ("until", "<", wanted.until)):
        if moment is not None:
            _require(table, time is not None, "times")
            conditions.append(f"{time} {operator} %({name})s")
            parameters[name] = moment.date() if time == "day" else moment
    for name, value in wanted.values:
        conditions.append(f'"{name}" = %({name})s')
        parameters[name] = value
    columns = list(_columns(table, wanted.currency, time, parameters))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    keys = ", ".join(f'"{name}"' for name in table.key)
    text = f"SELECT {', '.join(columns)} FROM {table.full_name}{where} ORDER BY {keys}"  # noqa: S608 -- our own names
    return text, parameters


def fail_if_unknown(connection: psycopg.Connection, wanted: Filter) -> None:
    """Refuse coins and currencies that the platform has never seen: they are usually misspelt.

    Raises:
        SettingsError: a coin or the currency is unknown; the message suggests known ones.
    """
    if wanted.coins is not None:
        _fail_if_coin_is_unknown(connection, wanted.coins)
    if wanted.currency != US_DOLLAR:
        _fail_if_currency_is_unknown(connection, wanted.currency)


def _fail_if_coin_is_unknown(connection: psycopg.Connection, coins: tuple[str, ...]) -> None:
    query = """
        SELECT coin, (SELECT string_agg(coin_id, ', ' ORDER BY rank) FROM warehouse.coins
                      WHERE upper(coin) IN (upper(symbol), upper(name)))
        FROM unnest(%s::text[]) AS coin
        WHERE NOT EXISTS (SELECT FROM warehouse.coins WHERE coin_id = coin)
            AND NOT EXISTS (SELECT FROM warehouse.coin_aliases WHERE coin IN (alias, coin_id))
            AND NOT EXISTS (SELECT FROM warehouse.coin_price_history WHERE coin_id = coin)
    """
    with query_errors():
        unknown = connection.execute(query, [list(coins)]).fetchone()
    if unknown is not None:
        coin, same_name = unknown
        close = same_name or _closest_coin(connection, coin)
        hint = f"Did you mean {close}?" if close else _HOW_TO_LIST_COINS
        raise SettingsError(f"There is no coin {coin!r}. {hint}")


def _closest_coin(connection: psycopg.Connection, coin: str) -> str | None:
    with query_errors():
        rows = connection.execute("SELECT coin_id FROM warehouse.coins")
        return closest(coin, [coin_id for (coin_id,) in rows])


def _fail_if_currency_is_unknown(connection: psycopg.Connection, currency: str) -> None:
    query = (
        "SELECT symbol FROM warehouse.fx_rates UNION SELECT symbol FROM warehouse.ecb_rates "
        "ORDER BY 1"
    )
    with query_errors():
        known = [symbol for (symbol,) in connection.execute(query)]
    if currency not in known:
        codes = ", ".join([US_DOLLAR, *known])
        hint = f"Known currencies: {codes}" if known else "There are no rates yet"
        raise SettingsError(
            f"There are no rates for {currency}. {hint}; see CRYPTOASSETS_CURRENCIES"
        )


def _columns(
    table: Table, currency: str, time: str | None, parameters: dict[str, object]
) -> Iterable[str]:
    amounts = [column.name for column in table.columns if _is_amount(column)]
    if currency != US_DOLLAR:
        _require(table, bool(amounts and time), "amounts in US dollars with a time")
        parameters["currency"] = currency
    for column in table.columns:
        yield f'"{column.name}"'
        if currency != US_DOLLAR and column.name in amounts:
            at = _ENDS.get(time or "", time)
            yield (
                f'warehouse.price_in("{column.name}", %(currency)s, {at}) '
                f'AS "{_name_in(column.name, currency)}"'
            )


def _is_amount(column: Column) -> bool:
    is_dollar = "_usd" in column.name or column.name in _CANDLE
    return column.type == "numeric" and is_dollar and column.name != "usd_per_unit"


def _name_in(name: str, currency: str) -> str:
    code = currency.lower()
    return name.replace("_usd", f"_{code}") if "_usd" in name else f"{name}_{code}"


def _time_column(table: Table) -> str | None:
    if table.time_column is not None:
        return table.time_column.name
    return next((name for name in _OTHER_TIMES if name in table.column_names), None)


def _require(table: Table, is_there: bool, what: str) -> None:  # noqa: FBT001 -- a condition
    if not is_there:
        raise SettingsError(f"{table.full_name} has no {what}: omit the option")
