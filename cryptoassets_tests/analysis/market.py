"""A small made-up market in PostgreSQL: 3 coins, 90 days up to 2026-11-23, the same in each run.

What goes here: the rows that examples, questions and exports read. What stays out: the tables
themselves (the database is fully migrated).
"""

from datetime import date

import psycopg

from cryptoassets.resources.postgres import ensure_months

# The daily prices of bitcoin and ethereum rise slowly and jump up and down; tether stays at 1 USD.
_SEED = """
CREATE TEMPORARY TABLE coin ON COMMIT DROP AS
    SELECT * FROM (VALUES
        ('bitcoin', 'BTC', 'Bitcoin', 1, 80000::numeric, 19800000::numeric, 37),
        ('ethereum', 'ETH', 'Ethereum', 2, 3000, 120000000, 23),
        ('tether', 'USDT', 'Tether', 3, 1, 140000000000, 0)
    ) AS coin (coin_id, symbol, name, rank, base, supply, jump);

CREATE TEMPORARY TABLE priced_day ON COMMIT DROP AS
    SELECT coin_id, rank, supply, day, n,
        CASE WHEN jump = 0 THEN base
            ELSE round(base * (1000 + n + (n * jump) % 61 - 30) / 1000, 18) END AS price
    FROM coin, generate_series(0, 89) AS n, LATERAL (SELECT date '2026-08-26' + n AS day);

INSERT INTO warehouse.coins
    SELECT coin_id, symbol, name, rank, CASE coin_id WHEN 'bitcoin' THEN 21000000 END, NULL,
        '2026-08-26 00:00Z', '2026-11-23 23:00Z'
    FROM coin;

INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, market_cap_usd, volume_usd_24h,
        vwap_usd_24h, change_pct_24h, supply, max_supply, rank, source, fetched_at, raw_id)
    SELECT coin_id, at, price, price * supply, price * 1000, price, 0.5, supply, NULL, rank,
        'simulator', at + interval '1 second', coin_id || '@' || at
    FROM priced_day, generate_series(0, 23) AS hour,
        LATERAL (SELECT day::timestamp AT TIME ZONE 'UTC' + hour * interval '1 hour') AS time (at)
    WHERE day >= '2026-11-22';
UPDATE warehouse.coin_prices SET price_usd = 86000.000000000000000001
    WHERE coin_id = 'bitcoin' AND observed_at = '2026-11-23 00:00Z';

INSERT INTO warehouse.coin_price_history (coin_id, interval, observed_at, price_usd,
        circulating_supply, source, fetched_at, raw_id)
    SELECT coin_id, 'h1', at, price, supply, 'simulator', at, coin_id || '@h1@' || at
    FROM priced_day, generate_series(0, 23) AS hour,
        LATERAL (SELECT day::timestamp AT TIME ZONE 'UTC' + hour * interval '1 hour') AS time (at)
    WHERE day >= '2026-11-01';

CREATE TEMPORARY TABLE returned ON COMMIT DROP AS
    SELECT *, coalesce(lag(price) OVER coin_days, price) AS opened,
        (price / lag(price) OVER coin_days - 1)::float8 * 100 AS return
    FROM priced_day WINDOW coin_days AS (PARTITION BY coin_id ORDER BY day);

INSERT INTO marts.coin_daily (coin_id, day, open, high, low, close, volume_usd_24h, market_cap_usd,
        observations, return_pct, volatility_7d_pct, volatility_30d_pct,
        volatility_30d_annualized_pct, drawdown_pct, drawdown_from_peak_pct)
    SELECT coin_id, day, opened, greatest(opened, price), least(opened, price), price, price * 1000,
        price * supply, 24, round(return::numeric, 9),
        CASE WHEN n >= 7 THEN round((stddev_samp(return) OVER week)::numeric, 9) END,
        CASE WHEN n >= 30 THEN round((stddev_samp(return) OVER month)::numeric, 9) END,
        CASE WHEN n >= 30 THEN round((stddev_samp(return) OVER month * sqrt(365))::numeric, 9) END,
        round(100 * (1 - price / max(greatest(opened, price)) OVER week), 9),
        round(100 * (price / max(greatest(opened, price)) OVER month - 1), 9)
    FROM returned
    WINDOW week AS (PARTITION BY coin_id ORDER BY day ROWS 6 PRECEDING),
        month AS (PARTITION BY coin_id ORDER BY day ROWS 29 PRECEDING);

INSERT INTO marts.market_daily (day, market_cap_usd, volume_usd_24h, coins, btc_dominance_pct,
        gainers, losers)
    SELECT day, sum(market_cap_usd), sum(volume_usd_24h), count(*),
        round(100 * sum(market_cap_usd) FILTER (WHERE coin_id = 'bitcoin')
            / sum(market_cap_usd), 9),
        count(*) FILTER (WHERE return_pct > 0), count(*) FILTER (WHERE return_pct < 0)
    FROM marts.coin_daily GROUP BY day;

INSERT INTO marts.coin_candles (coin_id, interval, start_at, open, high, low, close, points,
        points_expected, source)
    SELECT coin_id, 'd1', day::timestamp AT TIME ZONE 'UTC', open, high, low, close, observations,
        24, 'history'
    FROM marts.coin_daily;

CREATE TEMPORARY TABLE rate ON COMMIT DROP AS
    SELECT * FROM (VALUES ('euro', 'EUR', 1.1), ('japanese-yen', 'JPY', 0.0064))
            AS currency (currency, symbol, usd_per_unit),
        generate_series(timestamptz '2026-08-26 00:00Z', '2026-11-23 00:00Z', '1 day') AS day;

-- As on a real platform: CoinCap's rates since it was started, and the ECB's rates before that.
INSERT INTO warehouse.fx_rates (currency, symbol, observed_at, usd_per_unit, type, source,
        fetched_at, raw_id)
    SELECT currency, symbol, day, usd_per_unit, 'fiat', 'simulator', day, currency || '@' || day
    FROM rate WHERE day >= '2026-11-22 00:00Z';
INSERT INTO warehouse.ecb_rates (symbol, day, usd_per_unit, source, fetched_at)
    SELECT symbol, (day AT TIME ZONE 'UTC')::date, usd_per_unit, 'ecb', day
    FROM rate WHERE day < '2026-11-22 00:00Z';

INSERT INTO warehouse.quarantine (raw_id, asset, partition_key, reasons, payload, first_seen_at,
        run_id) VALUES
    ('a', 'warehouse/coin_prices', '2026-11-23-10:00', '{price_usd_missing}', '{}',
        '2026-11-23 10:00Z', 'run'),
    ('b', 'warehouse/coin_prices', '2026-11-23-10:00', '{name_missing,price_usd_missing}',
        '{"name": "=1+1"}', '2026-11-23 10:00Z', 'run'),
    ('c', 'warehouse/coin_prices', '2026-11-23-11:00', '{name_missing}', NULL, NULL, 'run');

INSERT INTO warehouse.gaps (coin_id, interval, gap_start, gap_end, detected_at, healed_at,
        unfillable) VALUES
    ('bitcoin', 'h1', '2026-10-01 00:00Z', '2026-10-01 05:00Z', '2026-11-01 00:00Z', NULL, false),
    ('bitcoin', 'h1', '2026-10-03 00:00Z', '2026-10-03 01:00Z', '2026-11-01 00:00Z',
        '2026-11-02 00:00Z', false),
    ('ethereum', 'h1', '2026-10-07 00:00Z', '2026-10-09 00:00Z', '2026-11-01 00:00Z', NULL, true);

INSERT INTO warehouse.loads (asset, partition_key, run_id, raw_rows, loaded_rows,
        quarantined_rows, superseded_rows, loaded_at, publication) VALUES
    ('warehouse/coin_prices', '2026-11-23-22:00', 'run', 3, 3, 0, 0, '2026-11-23 22:00:05Z', 1),
    ('warehouse/coin_prices', '2026-11-23-23:00', 'run', 3, 3, 0, 0, '2026-11-23 23:00:05Z', 2),
    ('warehouse/coin_price_history', '2026-11-23', 'run', 72, 72, 0, 0, '2026-11-23 23:10Z', 3);
"""


def fill(url: str) -> None:
    """Write the market into an empty, fully migrated database."""
    with psycopg.connect(url) as connection:
        ensure_months(connection, [date(2026, 11, 1)])
        connection.execute(_SEED)
