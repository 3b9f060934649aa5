"""The functions of `import cryptoassets as ca`.

What goes here: what a notebook calls. What stays out: SQL (in `selection`), types (in `query`),
conversions (in `result`).

Every function reads as the role `analyst` and starts nothing: a stopped store is an error that
names the command. Times are UTC; a datetime without time zone is refused. The examples run in the
tests, on made-up prices.
"""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

import psycopg
import pyarrow as pa

from cryptoassets.analysis.connection import connect
from cryptoassets.analysis.moments import Moment
from cryptoassets.analysis.query import Parameters, run_query
from cryptoassets.analysis.result import Result
from cryptoassets.analysis.selection import (
    ALL_RATES,
    US_DOLLAR,
    Filter,
    fail_if_unknown,
    make_filter,
    selection,
)
from cryptoassets.errors import SettingsError
from cryptoassets.schemas import CANDLE_MS, INTERVAL_MS, table_named

Coins = str | Iterable[str]


def prices(
    coins: Coins | None = None,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    currency: str = US_DOLLAR,
) -> Result:
    """Read snapshots of coins: `warehouse.coin_prices`, ordered by coin and time.

    Args:
        coins: id of a coin such as bitcoin, or several; None: all.
        since: first moment, included.
        until: last moment, not included.
        currency: code of a currency; adds amounts in it, such as `price_eur`, at the last rate in
            the 24 hours before the price, otherwise at the ECB's rate of that day, otherwise null.

    Raises:
        SettingsError: an argument cannot be used, or there is no such coin or currency.

    >>> import cryptoassets as ca
    >>> bitcoin = ca.prices("bitcoin", since="2026-11-23", until="2026-11-24").arrow()
    >>> bitcoin["price_usd"][0].as_py()
    Decimal('86000.000000000000000001')
    >>> bitcoin["observed_at"][0].as_py().isoformat()
    '2026-11-23T00:00:00+00:00'
    >>> euros = ca.prices("bitcoin", since="2026-11-23", currency="eur")
    >>> euros.arrow()["price_eur"][0].as_py()
    Decimal('78181.818181818181818183')
    """
    return _read("warehouse.coin_prices", make_filter(coins, since, until, currency))


def history(
    coins: Coins | None = None,
    *,
    interval: str = "h1",
    since: Moment | None = None,
    until: Moment | None = None,
    currency: str = US_DOLLAR,
) -> Result:
    """Read historical prices: `warehouse.coin_price_history`, which `backfill` fills.

    Args:
        coins: id of a coin such as bitcoin, or several; None: all.
        interval: distance of the points: m1 m5 m15 m30 h1 h2 h6 h12 d1.
        since: first moment, included.
        until: last moment, not included.
        currency: another currency adds amounts in it, see `prices`.

    Raises:
        SettingsError: an argument cannot be used, or there is no such coin or currency.

    >>> import cryptoassets as ca
    >>> len(ca.history("bitcoin", since="2026-11-01", until="2026-11-02"))
    24
    """
    wanted = _with_interval(make_filter(coins, since, until, currency), interval, INTERVAL_MS)
    return _read("warehouse.coin_price_history", wanted)


def candles(
    coins: Coins | None = None,
    *,
    interval: str = "d1",
    since: Moment | None = None,
    until: Moment | None = None,
    currency: str = US_DOLLAR,
) -> Result:
    """Read candles: `marts.coin_candles`, ordered by coin and time.

    Args:
        coins: id of a coin such as bitcoin, or several; None: all.
        interval: length of a candle: h1 h4 d1, or w1 from Monday.
        since: first start, included.
        until: last start, not included.
        currency: another currency adds prices in it, such as `close_eur`, at the rate of the end of
            the candle.

    Raises:
        SettingsError: an argument cannot be used, or there is no such coin or currency.

    >>> import cryptoassets as ca
    >>> days = ca.candles("bitcoin", since="2026-11-22", until="2026-11-24").arrow()
    >>> [str(day) for day in days["start_at"].to_pylist()]
    ['2026-11-22 00:00:00+00:00', '2026-11-23 00:00:00+00:00']
    """
    wanted = _with_interval(make_filter(coins, since, until, currency), interval, CANDLE_MS)
    return _read("marts.coin_candles", wanted)


def coins() -> Result:
    """Read the coins: `warehouse.coins`, the largest first.

    >>> import cryptoassets as ca
    >>> ca.coins().arrow()["coin_id"].to_pylist()
    ['bitcoin', 'ethereum', 'tether']
    """
    return sql("SELECT * FROM warehouse.coins ORDER BY rank, coin_id")


def rates(*, since: Moment | None = None, until: Moment | None = None) -> Result:
    """Read exchange rates, US dollars per unit of a currency, ordered by currency and time.

    Rates of a moment (`warehouse.fx_rates`) and the ECB's of a day (`warehouse.ecb_rates`): these
    have source `ecb`, true in `is_daily`, the start of their UTC day in `observed_at`, and null in
    `currency` and `raw_id`.

    Args:
        since: first moment, included.
        until: last moment, not included.

    >>> import cryptoassets as ca
    >>> euro = ca.rates(since="2026-11-21").arrow().slice(0, 2)
    >>> euro.select(["symbol", "usd_per_unit", "source", "is_daily"]).to_pylist()
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'symbol': 'EUR', 'usd_per_unit': Decimal('1.100000000000000000'), 'source': 'ecb',
      'is_daily': True},
     {'symbol': 'EUR', 'usd_per_unit': Decimal('1.100000000000000000'), 'source': 'simulator',
      'is_daily': False}]
    """
    wanted = make_filter(since=since, until=until)
    return sql(ALL_RATES, {"since": wanted.since, "until": wanted.until})


def sql(statement: str, parameters: Parameters | None = None) -> Result:
    """Read the rows of your own query.

    NUMERIC becomes decimal128(38, 18); a computed number with more places is rounded. Types that
    Arrow lacks become text.

    Args:
        statement: one SELECT; the schemas `marts` and `warehouse` may be left out.
        parameters: values for `%s` or `%(name)s`.

    Raises:
        QueryError: the server refused it.

    >>> import cryptoassets as ca
    >>> ca.sql("select symbol from coins where rank = %s", [1]).arrow().to_pylist()
    [{'symbol': 'BTC'}]
    """
    with closing(connect()) as connection:
        return _result(connection, statement, parameters)


def _read(table: str, wanted: Filter) -> Result:
    statement, parameters = selection(table_named(table), wanted)
    with closing(connect()) as connection:
        fail_if_unknown(connection, wanted)
        return _result(connection, statement, parameters)


def _result(
    connection: psycopg.Connection, statement: str, parameters: Parameters | None
) -> Result:
    rows = run_query(connection, statement, parameters)
    return Result(pa.Table.from_batches(rows.batches, schema=rows.schema))


def _with_interval(wanted: Filter, interval: str, known: Iterable[str]) -> Filter:
    if interval not in known:
        raise SettingsError(f"{interval!r} is not an interval. Known are {', '.join(known)}")
    return replace(wanted, values=(("interval", interval),))
