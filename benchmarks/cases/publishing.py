"""Measures whether publishing takes longer if the month's table partition has many rows."""

from datetime import datetime, timedelta

import psycopg

from benchmarks.bench import Bench, in_turn
from benchmarks.cases.partitions import run_product
from benchmarks.homes import CURRENT, Home, fresh_home
from benchmarks.results import CaseResult
from benchmarks.ways.task import marks_in

SIZES = {"month of 20 million rows": 20_000_000, "month of 100,000 rows": 100_000}
_ROWS_PER_COIN = 1000
_MINUTE_FORMAT = "%Y-%m-%dT%H:%M"

# Inserts 1,000 rows for each of many coins, one per second from the start of the month. The
# workload is on a later day of this month.
_FILL = """
INSERT INTO warehouse.coin_prices (
    coin_id, observed_at, price_usd, market_cap_usd, volume_usd_24h, vwap_usd_24h, change_pct_24h,
    supply, max_supply, rank, source, fetched_at, raw_id)
SELECT 'stored-' || lpad((n / %(per_coin)s)::text, 6, '0'),
    %(start)s::timestamptz + (n %% %(per_coin)s) * interval '1 second',
    1.5 + n * 1e-9, 3e9, 1e8, 1.5, 0.25, 2e9, NULL, 1 + n / %(per_coin)s, 'simulator',
    %(start)s::timestamptz + (n %% %(per_coin)s) * interval '1 second', 'stored-' || n
FROM generate_series(0, %(rows)s - 1) AS n
"""


def publishing(bench: Bench) -> CaseResult:
    """Publish hours with 6,000 documents each to `warehouse/coin_prices`, in a warm process."""
    result = CaseResult(
        notes=[
            "Each run publishes eight hours, with one Dagster run per hour.",
            "The first hour is not counted.",
        ]
    )
    with bench.lake("minutes") as lake:
        settings = {"MONGO_URL": lake.url, "MONGO_DATABASE": lake.database}
        month = lake.workload.start.replace(day=1, hour=0)
        # Each run needs a fresh home. In a used home, the hours are already published.
        for number, name in in_turn(tuple(SIZES), bench.number_of_runs(1)):
            with fresh_home(CURRENT, **settings) as home:
                start = lake.workload.start
                # This creates the month's table partition, which `_fill` needs.
                first_hour = [
                    f"{moment:{_MINUTE_FORMAT}}" for moment in (start, start + timedelta(hours=1))
                ]
                home.run("rebuild", "--from", first_hour[0], "--to", first_hour[1])
                rows = round(SIZES[name] * bench.scale)
                bench.report(f"storing {rows:,} rows")
                _fill(home, month, rows)
                measured = run_product(bench, lake, home, "--one-by-one", is_job=True)
            marks = marks_in(measured.output)
            seconds = [marks[f"publish {hour}"] for hour in range(1, lake.workload.hours)]
            median = sorted(seconds)[len(seconds) // 2]
            result.add(name, measured, publish=median)
            bench.report(f"run {number + 1}: {name}: {median:.2f} s per hour")
    large, small = SIZES
    result.ratios["publish_20m_vs_100k"] = result.ratio(large, small, "publish")
    return result


def _fill(home: Home, month: datetime, rows: int) -> None:
    url = home.addresses()["POSTGRES_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(_FILL, {"start": month, "per_coin": _ROWS_PER_COIN, "rows": rows})
        connection.execute("VACUUM ANALYZE warehouse.coin_prices")
