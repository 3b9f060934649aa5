-- Ten questions, each with its answer for a small made-up market (three coins, 90 days until 2026-11-23).
-- Run them on your own data: cryptoassets sql < one-of-them.sql, or paste them into `cryptoassets sql`, psql or pgAdmin.
-- questions.ipynb answers the same questions in Python (`import cryptoassets as ca`). Tests compare every number.

-- 1. Top gainers: which coins rose most since the previous day's close?
SELECT symbol, close AS price_usd, round(return_pct, 9) AS return_pct
FROM marts.coin_daily JOIN warehouse.coins USING (coin_id)
WHERE day = (SELECT max(day) FROM marts.coin_daily) AND return_pct IS NOT NULL
ORDER BY return_pct DESC LIMIT 10;
--  symbol |                price_usd |  return_pct
-- --------+--------------------------+-------------
--  BTC    | 89520.000000000000000000 | 3.515263645
--  ETH    |  3279.000000000000000000 | 2.245088868
--  USDT   |     1.000000000000000000 | 0.000000000

-- 2. Volatility: which coins moved most in the last 30 days?
SELECT symbol, round(volatility_30d_pct, 9) AS volatility_30d_pct,
    round(volatility_30d_annualized_pct, 9) AS volatility_30d_annualized_pct
FROM marts.coin_daily JOIN warehouse.coins USING (coin_id)
WHERE day = (SELECT max(day) FROM marts.coin_daily) AND volatility_30d_pct IS NOT NULL
ORDER BY volatility_30d_pct DESC LIMIT 10;
--  symbol | volatility_30d_pct | volatility_30d_annualized_pct
-- --------+--------------------+-------------------------------
--  BTC    |        2.850882737 |                  54.466038206
--  ETH    |        2.774271536 |                  53.002383270
--  USDT   |        0.000000000 |                   0.000000000

-- 3. Correlation: do the daily returns of Bitcoin and Ethereum move together?
SELECT count(*) AS days, round(corr(b.return_pct, e.return_pct)::numeric, 9) AS correlation
FROM marts.coin_daily AS b JOIN marts.coin_daily AS e USING (day)
WHERE b.coin_id = 'bitcoin' AND e.coin_id = 'ethereum'
    AND day > (SELECT max(day) FROM marts.coin_daily) - 90
    AND b.return_pct IS NOT NULL AND e.return_pct IS NOT NULL;
--  days |  correlation
-- ------+--------------
--    89 | -0.081940829

-- 4. Drawdown: how far, at most, was each coin's close below an earlier close in the last 90 days?
SELECT symbol, round(min(100 * (close / peak - 1)), 9) AS max_drawdown_pct
FROM (
    SELECT coin_id, close, max(close) OVER (PARTITION BY coin_id ORDER BY day) AS peak
    FROM marts.coin_daily WHERE day > (SELECT max(day) FROM marts.coin_daily) - 90
) AS days JOIN warehouse.coins USING (coin_id)
GROUP BY symbol ORDER BY max_drawdown_pct, symbol LIMIT 10;
--  symbol | max_drawdown_pct
-- --------+------------------
--  BTC    |     -5.103969754
--  ETH    |     -4.859086492
--  USDT   |      0.000000000

-- 5. Candles: Bitcoin's daily candles of the last week. If `points` is less than `points_expected`, prices are missing.
SELECT start_at, open, high, low, close, points, points_expected
FROM marts.coin_candles
WHERE coin_id = 'bitcoin' AND "interval" = 'd1'
    AND start_at > (SELECT max(start_at) FROM marts.coin_candles WHERE "interval" = 'd1') - interval '7 days'
ORDER BY start_at;
--  start_at                         |                     open |                     high |                      low |                    close | points | points_expected
-- ----------------------------------+--------------------------+--------------------------+--------------------------+--------------------------+--------+-----------------
--  2026-11-17T00:00:00.000000+00:00 | 87760.000000000000000000 | 87760.000000000000000000 | 85920.000000000000000000 | 85920.000000000000000000 |     24 |              24
--  2026-11-18T00:00:00.000000+00:00 | 85920.000000000000000000 | 88960.000000000000000000 | 85920.000000000000000000 | 88960.000000000000000000 |     24 |              24
--  2026-11-19T00:00:00.000000+00:00 | 88960.000000000000000000 | 88960.000000000000000000 | 87120.000000000000000000 | 87120.000000000000000000 |     24 |              24
--  2026-11-20T00:00:00.000000+00:00 | 87120.000000000000000000 | 87120.000000000000000000 | 85280.000000000000000000 | 85280.000000000000000000 |     24 |              24
--  2026-11-21T00:00:00.000000+00:00 | 85280.000000000000000000 | 88320.000000000000000000 | 85280.000000000000000000 | 88320.000000000000000000 |     24 |              24
--  2026-11-22T00:00:00.000000+00:00 | 88320.000000000000000000 | 88320.000000000000000000 | 86480.000000000000000000 | 86480.000000000000000000 |     24 |              24
--  2026-11-23T00:00:00.000000+00:00 | 86480.000000000000000000 | 89520.000000000000000000 | 86480.000000000000000000 | 89520.000000000000000000 |     24 |              24

-- 6. Dominance: what share of the total market cap did Bitcoin have on each day of the last week?
SELECT day, round(btc_dominance_pct, 9) AS btc_dominance_pct
FROM marts.market_daily
WHERE day > (SELECT max(day) FROM marts.market_daily) - 7
ORDER BY day;
--  day        | btc_dominance_pct
-- ------------+-------------------
--  2026-11-17 |      76.398164881
--  2026-11-18 |      76.729476461
--  2026-11-19 |      76.807061539
--  2026-11-20 |      76.126928709
--  2026-11-21 |      76.467666217
--  2026-11-22 |      76.539731014
--  2026-11-23 |      76.865327306

-- 7. Prices in euros: the newest price of each coin. It is null if no rate is known.
SELECT symbol, price_usd, warehouse.price_in(price_usd, 'EUR', observed_at) AS price_eur
FROM marts.coin_latest ORDER BY rank LIMIT 10;
--  symbol |                price_usd |                price_eur
-- --------+--------------------------+--------------------------
--  BTC    | 89520.000000000000000000 | 81381.818181818181818182
--  ETH    |  3279.000000000000000000 |  2980.909090909090909091
--  USDT   |     1.000000000000000000 |     0.909090909090909091

-- 8. Quarantine: which rules do documents break?
SELECT reason, count(*) AS documents, max(first_seen_at) AS newest
FROM warehouse.quarantine, unnest(reasons) AS reason
GROUP BY reason ORDER BY documents DESC, reason;
--  reason            | documents | newest
-- -------------------+-----------+----------------------------------
--  name_missing      |         2 | 2026-11-23T10:00:00.000000+00:00
--  price_usd_missing |         2 | 2026-11-23T10:00:00.000000+00:00

-- 9. Gaps: how many hours of history are missing, and which of them cannot be filled?
SELECT coin_id, "interval", count(*) AS gaps,
    round(sum(extract(epoch FROM gap_end - gap_start)) / 3600, 1) AS missing_hours, bool_and(unfillable) AS unfillable
FROM warehouse.gaps WHERE healed_at IS NULL
GROUP BY coin_id, "interval" ORDER BY missing_hours DESC, coin_id;
--  coin_id  | interval | gaps | missing_hours | unfillable
-- ----------+----------+------+---------------+------------
--  ethereum | h1       |    1 |          48.0 | true
--  bitcoin  | h1       |    1 |           5.0 | false

-- 10. Freshness: what is the newest partition of each table, and when was it published?
SELECT asset, max(partition_key) AS newest_partition, max(loaded_at) AS published_at
FROM warehouse.loads WHERE expired_at IS NULL
GROUP BY asset ORDER BY asset;
--  asset                        | newest_partition | published_at
-- ------------------------------+------------------+----------------------------------
--  warehouse/coin_price_history | 2026-11-23       | 2026-11-23T23:10:00.000000+00:00
--  warehouse/coin_prices        | 2026-11-23-23:00 | 2026-11-23T23:00:05.000000+00:00
