"""The functions of `import cryptoassets as ca`.

What goes here: what a notebook calls. What stays out: SQL (in `selection`), types (in `query`),
conversions (in `result`).

Every function reads as the role `analyst` and starts no server: if PostgreSQL is stopped, the error
names the command that starts it. Times are UTC; a datetime without a time zone is refused. The
tests run the examples with made-up prices.
"""

import warnings
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

import psycopg
import pyarrow as pa

from cryptoassets.analysis.connection import connect
from cryptoassets.analysis.moments import Moment
from cryptoassets.analysis.query import run_query
from cryptoassets.analysis.result import Result
from cryptoassets.analysis.selection import (
    ALL_RATES,
    US_DOLLAR,
    Filter,
    fail_if_unknown,
    make_filter,
    selection,
)
from cryptoassets.analysis.statements import Parameters
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
    """Read the coins' snapshots from `warehouse.coin_prices`, ordered by coin and time.

    Args:
        coins: a coin id such as bitcoin, or several ids; None means all coins.
        since: start of the period, inclusive.
        until: end of the period, exclusive.
        currency: a currency code; for any currency but USD, columns with converted amounts are
            added, such as `price_eur`. They use the latest rate from the 24 hours before the price,
            else the ECB's rate for that day; if there is neither, they are null.

    Raises:
        SettingsError: an argument is invalid, or the coin or currency is unknown.

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
    """Read historical prices from `warehouse.coin_price_history`, which `backfill` fills.

    Warns if there are none for these arguments.

    Args:
        coins: a coin id such as bitcoin, or several ids; None means all coins.
        interval: time between two points: m1 m5 m15 m30 h1 h2 h6 h12 d1.
        since: start of the period, inclusive.
        until: end of the period, exclusive.
        currency: a currency other than USD adds columns with converted amounts; see `prices`.

    Raises:
        SettingsError: an argument is invalid, or the coin or currency is unknown.

    >>> import cryptoassets as ca
    >>> len(ca.history("bitcoin", since="2026-11-01", until="2026-11-02"))
    24
    """
    wanted = _with_interval(make_filter(coins, since, until, currency), interval, INTERVAL_MS)
    points = _read("warehouse.coin_price_history", wanted)
    if not len(points):
        warnings.warn(
            f"There is no history with the interval {interval} for these coins and this period. "
            "`cryptoassets backfill --from DATE` fetches history",
            stacklevel=2,
        )
    return points


def candles(
    coins: Coins | None = None,
    *,
    interval: str = "d1",
    since: Moment | None = None,
    until: Moment | None = None,
    currency: str = US_DOLLAR,
) -> Result:
    """Read candles from `marts.coin_candles`, ordered by coin and time.

    Args:
        coins: a coin id such as bitcoin, or several ids; None means all coins.
        interval: length of a candle: h1 h4 d1 w1. A week starts on Monday.
        since: only candles that start at or after this time.
        until: only candles that start before this time.
        currency: a currency other than USD adds columns with converted prices, such as `close_eur`;
            they use the rate at the candle's end.

    Raises:
        SettingsError: an argument is invalid, or the coin or currency is unknown.

    >>> import cryptoassets as ca
    >>> days = ca.candles("bitcoin", since="2026-11-22", until="2026-11-24").arrow()
    >>> [str(day) for day in days["start_at"].to_pylist()]
    ['2026-11-22 00:00:00+00:00', '2026-11-23 00:00:00+00:00']
    """
    wanted = _with_interval(make_filter(coins, since, until, currency), interval, CANDLE_MS)
    return _read("marts.coin_candles", wanted)


def coins() -> Result:
    """Read the coins from `warehouse.coins`, ordered by rank.

    >>> import cryptoassets as ca
    >>> ca.coins().arrow()["coin_id"].to_pylist()
    ['bitcoin', 'ethereum', 'tether']
    """
    return sql("SELECT * FROM warehouse.coins ORDER BY rank, coin_id")


def rates(*, since: Moment | None = None, until: Moment | None = None) -> Result:
    """Read exchange rates in US dollars per unit of a currency, ordered by currency and time.

    The result contains CoinCap's rates, each at one moment (`warehouse.fx_rates`), and the ECB's
    daily rates (`warehouse.ecb_rates`). The ECB's rates have source `ecb`, true in `is_daily`, the
    start of their UTC day in `observed_at`, and null in `currency` and `raw_id`.

    Args:
        since: start of the period, inclusive.
        until: end of the period, exclusive.

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

    NUMERIC becomes decimal128(38, 18); a computed number with more decimal places is rounded. Types
    that Arrow does not have become strings.

    Args:
        statement: one SELECT; the schema names `marts` and `warehouse` may be left out.
        parameters: values for `%s` or `%(name)s`.

    Raises:
        QueryError: the server refused the statement.

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
        raise SettingsError(f"{interval!r} is not an interval. Known intervals: {', '.join(known)}")
    return replace(wanted, values=(("interval", interval),))
