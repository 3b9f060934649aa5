"""Threads that compare tables with each other, as `analyst`, while processes are killed.

What goes here: invariants over several tables, checked by one statement, which sees one state of
the database. What stays out: checks that need a quiet platform (in `promises`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from cryptoassets_tests.faults.home import FaultHome

READERS = 2
_SHARE_OF_TIME = 0.1
"""Share of its time that a reader spends reading; the commands under attack need the CPU, too."""
_COUNTS = """
    SELECT asset, partition_key, 'rows', loaded_rows, found FROM (
        SELECT loads.*, CASE asset
            WHEN 'warehouse/coin_prices' THEN (
                SELECT count(*) FROM warehouse.coin_prices WHERE observed_at >= start_at
                AND observed_at < start_at + interval '1 hour')
            WHEN 'warehouse/fx_rates' THEN (
                SELECT count(*) FROM warehouse.fx_rates WHERE observed_at >= start_at
                AND observed_at < start_at + interval '1 hour')
            ELSE (
                SELECT count(*) FROM warehouse.coin_price_history WHERE observed_at >= start_at
                AND observed_at < start_at + interval '1 day')
            END AS found
        FROM (
            SELECT *, CASE asset
                WHEN 'warehouse/coin_price_history' THEN to_timestamp(partition_key, 'YYYY-MM-DD')
                ELSE to_timestamp(partition_key, 'YYYY-MM-DD-HH24:MI') END AS start_at
            FROM warehouse.loads WHERE expired_at IS NULL
        ) AS loads
    ) AS counted WHERE loaded_rows <> found
"""
_QUARANTINE = """
    SELECT asset, partition_key, 'quarantine', quarantined_rows, found FROM (
        SELECT loads.*, (
            SELECT count(*) FROM warehouse.quarantine AS quarantined
            WHERE (quarantined.asset, quarantined.partition_key)
                = (loads.asset, loads.partition_key)) AS found
        FROM warehouse.loads AS loads WHERE expired_at IS NULL
    ) AS counted WHERE quarantined_rows <> found
    UNION ALL
    SELECT asset, partition_key, 'sum', raw_rows,
        loaded_rows + quarantined_rows + superseded_rows FROM warehouse.loads
    WHERE raw_rows <> loaded_rows + quarantined_rows + superseded_rows
"""
_MART_COUNTS = """
    SELECT asset, partition_key, 'rows', loaded_rows, found FROM (
        SELECT loads.*, CASE asset
            WHEN 'marts/coin_daily' THEN (
                SELECT count(*) FROM marts.coin_daily WHERE day = partition_key::date)
            WHEN 'marts/market_daily' THEN (
                SELECT count(*) FROM marts.market_daily WHERE day = partition_key::date)
            ELSE (
                SELECT count(*) FROM marts.coin_candles WHERE interval <> 'w1'
                AND start_at >= partition_key::date AND start_at < partition_key::date + 1)
            END AS found
        FROM warehouse.mart_loads AS loads
    ) AS counted WHERE loaded_rows <> found
"""
# A mart may be older than its input. If its record names the current input, figures must agree.
_MARKET = """
    SELECT 'marts/market_daily', market.day::text, 'sums', market.coins, coins.coins
    FROM marts.market_daily AS market
    JOIN warehouse.mart_loads AS load
        ON load.asset = 'marts/market_daily' AND load.partition_key = market.day::text
    JOIN warehouse.mart_loads AS input
        ON input.asset = 'marts/coin_daily' AND input.partition_key = market.day::text
        AND input.publication::text = load.inputs ->> ('marts/coin_daily ' || market.day)
    JOIN (
        SELECT day, count(*) AS coins, sum(market_cap_usd) AS cap, sum(volume_usd_24h) AS volume
        FROM marts.coin_daily GROUP BY day
    ) AS coins ON coins.day = market.day
    WHERE (market.coins, market.market_cap_usd, market.volume_usd_24h)
        IS DISTINCT FROM (coins.coins, coins.cap, coins.volume)
"""
_CANDLES = """
    SELECT 'marts/coin_candles', daily.day::text, daily.coin_id, daily.close, candle.close
    FROM marts.coin_daily AS daily
    JOIN marts.coin_candles AS candle ON candle.interval = 'd1'
        AND candle.coin_id = daily.coin_id AND candle.start_at = daily.day
    JOIN warehouse.mart_loads AS one
        ON one.asset = 'marts/coin_daily' AND one.partition_key = daily.day::text
    JOIN warehouse.mart_loads AS other
        ON other.asset = 'marts/coin_candles' AND other.partition_key = daily.day::text
        AND other.inputs @> (
            SELECT jsonb_object_agg(key, value) FROM jsonb_each(one.inputs)
            WHERE key LIKE 'warehouse/% ' || daily.day)
    WHERE (daily.open, daily.high, daily.low, daily.close)
        IS DISTINCT FROM (candle.open, candle.high, candle.low, candle.close)
"""
_INVARIANTS = sql.SQL(" UNION ALL ").join(
    sql.SQL("SELECT parts::text FROM ({}) AS parts").format(sql.SQL(query))
    for query in (_COUNTS, _QUARANTINE, _MART_COUNTS, _MARKET, _CANDLES)
)


class Readers:
    """Threads that read until they are stopped.

    Attributes:
        reads: number of successful reads.
        violations: rows that contradict each other, which must never be visible.
    """

    def __init__(self, home: FaultHome) -> None:
        self.reads = 0
        self.violations: list[str] = []
        self._home = home
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._read_until_stopped, daemon=True) for _ in range(READERS)
        ]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read while the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join(30)

    def _read_until_stopped(self) -> None:
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._home.reader_url(), connect_timeout=2) as connection:
                    connection.execute("SET TimeZone = 'UTC'")
                    connection.commit()
                    pause = 0.0
                    while not self._stopped.wait(pause):
                        started = time.monotonic()
                        rows = connection.execute(_INVARIANTS).fetchall()
                        connection.commit()
                        self.reads += 1
                        self.violations += [row for (row,) in rows]
                        pause = (time.monotonic() - started) / _SHARE_OF_TIME
            except (psycopg.Error, LookupError):
                # The server was killed or is starting, so nobody can read.
                time.sleep(0.2)
