-- 100 coins over 90 days, with everything that the pages show: gaps, quarantined documents, candles with few points.
-- One coin's name and some payloads contain HTML, which the pages must escape.
INSERT INTO warehouse.coins (coin_id, symbol, name, rank, first_seen_at, last_seen_at)
SELECT coin_id, upper(left(coin_id, 4)), CASE number WHEN 7 THEN '<script>alert("&")</script>' ELSE initcap(coin_id) END,
    number, now() - interval '90 days', now()
FROM (SELECT number, CASE number WHEN 1 THEN 'bitcoin' WHEN 2 THEN 'ethereum' WHEN 3 THEN 'tether'
    ELSE 'coin-' || number END AS coin_id FROM generate_series(1, 100) AS number) AS coins;

CREATE TEMPORARY TABLE walk AS
SELECT coin_id, rank, step, now() - interval '4 minutes' - step * interval '6 hours' AS observed_at,
    round((80000 / rank ^ 1.6 * (1 + 0.1 * sin((step + rank * 7) / 19.0) + 0.04 * sin((step + rank * 3) / 3.7)
        + 0.02 * sin(step * rank)))::numeric, 18) AS price
FROM warehouse.coins, generate_series(0, 359) AS step;

INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, market_cap_usd, volume_usd_24h, change_pct_24h, supply,
    rank, source, fetched_at, raw_id)
SELECT coin_id, observed_at, price, price * 19000000, price * 600000,
    round(100 * (price / lead(price, 4) OVER coin - 1), 12), 19000000, rank, 'simulator', observed_at, coin_id || '@' || step
FROM walk WHERE NOT (rank = 1 AND step BETWEEN 40 AND 52)
WINDOW coin AS (PARTITION BY coin_id ORDER BY observed_at DESC);

INSERT INTO marts.coin_daily (coin_id, day, open, high, low, close, volume_usd_24h, market_cap_usd, observations,
    return_pct, volatility_7d_pct, volatility_30d_pct, drawdown_pct, drawdown_from_peak_pct)
SELECT coin_id, day, open, high, low, close, close * 600000, close * 19000000, 4,
    round(100 * (close / lag(close) OVER coin - 1), 12), 2 + abs(sin(rank + extract(doy FROM day)::int / 9.0)),
    2.5 + abs(sin(rank + extract(doy FROM day)::int / 25.0)), 1,
    round(100 * (close / max(high) OVER (coin ROWS 29 PRECEDING) - 1), 12)
FROM (
    SELECT coin_id, rank, (observed_at AT TIME ZONE 'UTC')::date AS day, (array_agg(price ORDER BY step DESC))[1] AS open,
        max(price) AS high, min(price) AS low, (array_agg(price ORDER BY step))[1] AS close
    FROM walk GROUP BY 1, 2, 3
) AS days WINDOW coin AS (PARTITION BY coin_id ORDER BY day);

INSERT INTO marts.market_daily (day, market_cap_usd, volume_usd_24h, coins, btc_dominance_pct, gainers, losers)
SELECT day, sum(market_cap_usd), sum(volume_usd_24h), count(*),
    round(100 * sum(market_cap_usd) FILTER (WHERE coin_id = 'bitcoin') / sum(market_cap_usd), 12), 60, 40
FROM marts.coin_daily GROUP BY day;

INSERT INTO marts.coin_candles (coin_id, interval, start_at, open, high, low, close, points, points_expected, source)
SELECT coin_id, 'd1', day::timestamp AT TIME ZONE 'UTC', open, high, low, close,
    CASE WHEN extract(day FROM day) = 13 THEN 40 ELSE 288 END, 288, 'snapshots'
FROM marts.coin_daily
UNION ALL
SELECT coin_id, 'h4', date_bin('4 hours', observed_at, '2018-01-01Z'), price, price * 1.01, price * 0.99, price * 1.004, 48, 48,
    'snapshots' FROM walk;

INSERT INTO warehouse.gaps (coin_id, interval, gap_start, gap_end, detected_at, unfillable)
SELECT 'bitcoin', 'h1', now() - interval '13 days', now() - interval '10 days', now(), false
UNION ALL SELECT 'coin-7', 'h1', now() - interval '30 days', now() - interval '29 days', now(), true;

INSERT INTO warehouse.quarantine (raw_id, asset, partition_key, reasons, payload, first_seen_at, run_id)
SELECT coin_id || '@' || to_char((now() - hours * interval '26 hours') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        || '@0123456789ab', 'warehouse/coin_prices', '2026-11-20-10:00',
    CASE WHEN hours % 2 = 0 THEN ARRAY['price_not_positive'] ELSE ARRAY['number_invalid', 'rank_missing'] END,
    CASE WHEN hours % 2 = 0 THEN '{"id": "' || coin_id || '", "priceUsd": "-1"}'
        ELSE '{"id": "' || coin_id || '", "priceUsd": "<img src=x onerror=alert(1)>"}' END,
    now() - hours * interval '26 hours', 'run'
FROM (VALUES ('bitcoin'), ('tether')) AS coins (coin_id), generate_series(1, 8) AS hours;

INSERT INTO warehouse.loads (asset, partition_key, run_id, raw_rows, loaded_rows, quarantined_rows, superseded_rows, loaded_at,
    publication)
SELECT 'warehouse/coin_prices', to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD-HH24:00'), 'run-' || hours, 1200, 1180, 16, 4,
    hour + interval '40 minutes', 1000 - hours
FROM (SELECT hours, date_trunc('hour', now()) - hours * interval '1 hour' AS hour FROM generate_series(1, 72) AS hours) AS loaded;

INSERT INTO warehouse.load_history (publication, asset, partition_key, run_id, raw_rows, loaded_rows, quarantined_rows,
    superseded_rows, rows_written, rows_removed, published_at)
SELECT publication, asset, partition_key, run_id, raw_rows, loaded_rows, quarantined_rows, superseded_rows,
    90 + (publication * 37) % 20, 0, loaded_at FROM warehouse.loads;

INSERT INTO warehouse.credits (called_at, route, estimated, counted)
SELECT now() - calls * interval '7 hours', '/assets', 3, 3 FROM generate_series(1, 60) AS calls;

-- This rate is valid for the newest prices only.
INSERT INTO warehouse.fx_rates (currency, symbol, observed_at, usd_per_unit, type, source, fetched_at, raw_id)
VALUES ('euro', 'EUR', now() - interval '30 minutes', 1.25, 'fiat', 'simulator', now(), 'euro');
