-- Frozen: databases have run this file. A change needs a new revision.
-- For existing days, the new columns are null until `run` computes these days again. It does so because they have no candles.
ALTER TABLE marts.coin_daily
    ADD COLUMN is_market_cap_derived boolean,
    ADD COLUMN return_24h_pct numeric(38, 18),
    ADD COLUMN volatility_30d_pct numeric(38, 18),
    ADD COLUMN volatility_30d_annualized_pct numeric(38, 18),
    ADD COLUMN drawdown_from_peak_pct numeric(38, 18),
    ADD COLUMN observations_expected bigint,
    ADD COLUMN source text;
COMMENT ON COLUMN marts.coin_daily.market_cap_usd IS
    'Market cap in the last snapshot of the day, US dollars; on days without one, price times circulating supply of the last history point that has both';
COMMENT ON COLUMN marts.coin_daily.drawdown_pct IS
    'How far the close is below the highest price of the last 7 days, percent, zero or positive; see drawdown_from_peak_pct for the usual sign';
COMMENT ON COLUMN marts.coin_daily.is_market_cap_derived IS
    'Whether market_cap_usd is price times circulating supply of a history point; null without a market cap';
COMMENT ON COLUMN marts.coin_daily.return_24h_pct IS
    'Change from the price 24 hours before the close, at most one hour older, to the close, percent';
COMMENT ON COLUMN marts.coin_daily.volatility_30d_pct IS
    'Sample standard deviation of the last 30 daily returns, percent';
COMMENT ON COLUMN marts.coin_daily.volatility_30d_annualized_pct IS
    'volatility_30d_pct times the square root of 365, percent';
COMMENT ON COLUMN marts.coin_daily.drawdown_from_peak_pct IS
    'Change from the highest price of the last 30 days to the close, percent, zero or negative';
COMMENT ON COLUMN marts.coin_daily.observations_expected IS
    'Length of the day divided by the shortest interval among its observations (snapshots: 5 minutes), count';
COMMENT ON COLUMN marts.coin_daily.source IS
    'What the prices come from: snapshots, history or mixed';

ALTER TABLE marts.market_daily ADD COLUMN is_market_cap_derived boolean;
COMMENT ON COLUMN marts.market_daily.is_market_cap_derived IS
    'Whether market_cap_usd contains a market cap that is price times circulating supply; null without a market cap';

CREATE TABLE marts.coin_candles (
    coin_id text NOT NULL,
    interval text NOT NULL,
    start_at timestamptz NOT NULL,
    open numeric(38, 18) NOT NULL,
    high numeric(38, 18) NOT NULL,
    low numeric(38, 18) NOT NULL,
    close numeric(38, 18) NOT NULL,
    points bigint NOT NULL,
    points_expected bigint NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (coin_id, interval, start_at)
);
-- Candles are published, read and counted per day.
CREATE INDEX ON marts.coin_candles (start_at, interval);
-- Weekly candles are merged from the daily rows of the week.
CREATE INDEX ON marts.coin_daily (day);
COMMENT ON TABLE marts.coin_candles IS
    'One row per coin, candle length and start; only candles with at least one point.';
COMMENT ON COLUMN marts.coin_candles.coin_id IS
    'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN marts.coin_candles.interval IS
    'Length of the candle: h1, h4, d1 or w1';
COMMENT ON COLUMN marts.coin_candles.start_at IS
    'Start, UTC; a w1 candle starts on Monday, 00:00';
COMMENT ON COLUMN marts.coin_candles.open IS
    'First price, US dollars';
COMMENT ON COLUMN marts.coin_candles.high IS
    'Highest price, US dollars';
COMMENT ON COLUMN marts.coin_candles.low IS
    'Lowest price, US dollars';
COMMENT ON COLUMN marts.coin_candles.close IS
    'Last price, US dollars';
COMMENT ON COLUMN marts.coin_candles.points IS
    'Snapshots and history points in the candle, count';
COMMENT ON COLUMN marts.coin_candles.points_expected IS
    'Length of the candle divided by the shortest interval among its points (snapshots: 5 minutes), count';
COMMENT ON COLUMN marts.coin_candles.source IS
    'What the prices come from: snapshots, history or mixed';

COMMENT ON COLUMN warehouse.mart_loads.inputs IS
    'Sum of the publication numbers of each input on each day that the mart depends on, by asset and day';

-- PostgreSQL applies a filter on the day to each part of the UNION, so a query for one day does not aggregate other days.
CREATE VIEW warehouse.pipeline_daily AS
SELECT
    day,
    coalesce(sum(publications), 0)::bigint AS publications,
    max(lag_seconds)::numeric(38, 18) AS lag_seconds,
    coalesce(sum(raw_rows), 0)::bigint AS raw_rows,
    coalesce(sum(loaded_rows), 0)::bigint AS loaded_rows,
    coalesce(sum(quarantined_rows), 0)::bigint AS quarantined_rows,
    coalesce(sum(superseded_rows), 0)::bigint AS superseded_rows,
    round(100 * sum(quarantined_rows) / nullif(sum(raw_rows), 0), 9)::numeric(38, 18) AS quarantine_share_pct,
    coalesce(sum(credits), 0)::bigint AS credits
FROM (
    SELECT left(partition_key, 10)::date AS day, NULL::bigint AS publications, NULL::numeric AS lag_seconds,
        sum(raw_rows) AS raw_rows, sum(loaded_rows) AS loaded_rows, sum(quarantined_rows) AS quarantined_rows,
        sum(superseded_rows) AS superseded_rows, NULL::numeric AS credits
    FROM warehouse.loads
    GROUP BY 1
    UNION ALL
    SELECT left(partition_key, 10)::date, count(*),
        percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM published_at - newest.observed_at)::double precision
        )::numeric,
        NULL, NULL, NULL, NULL, NULL
    FROM warehouse.load_history
    -- The partition key 2026-11-23-04:00 means 2026-11-23 04:00Z.
    CROSS JOIN LATERAL (
        SELECT (left(partition_key, 10) || ' ' || substr(partition_key, 12) || 'Z')::timestamptz AS start_at
    ) AS hour
    LEFT JOIN LATERAL (
        -- The newest price that had been fetched by the time of the publication.
        SELECT observed_at FROM warehouse.coin_prices
        WHERE observed_at >= hour.start_at
            AND observed_at < hour.start_at + interval '1 hour'
            AND fetched_at <= published_at
        ORDER BY observed_at DESC
        LIMIT 1
    ) AS newest ON true
    WHERE asset = 'warehouse/coin_prices' AND (rows_written > 0 OR rows_removed > 0)
    GROUP BY 1
    UNION ALL
    SELECT (called_at AT TIME ZONE 'UTC')::date, NULL, NULL, NULL, NULL, NULL, NULL, sum(coalesce(counted, estimated))
    FROM warehouse.credits
    GROUP BY 1
) AS parts
GROUP BY day;
COMMENT ON VIEW warehouse.pipeline_daily IS
    'View: how the pipeline worked per UTC day: lag, documents by outcome, credits.';
COMMENT ON COLUMN warehouse.pipeline_daily.day IS
    'UTC day of the documents; for credits, of the calls';
COMMENT ON COLUMN warehouse.pipeline_daily.publications IS
    'Publications that changed an hour of warehouse/coin_prices of the day, count; 0 after retention deleted their records';
COMMENT ON COLUMN warehouse.pipeline_daily.lag_seconds IS
    'Median time from the newest price in such a publication to the publication, seconds';
COMMENT ON COLUMN warehouse.pipeline_daily.raw_rows IS
    'Raw documents of all flows, count';
COMMENT ON COLUMN warehouse.pipeline_daily.loaded_rows IS
    'Documents published as rows, count';
COMMENT ON COLUMN warehouse.pipeline_daily.quarantined_rows IS
    'Documents in quarantine, count';
COMMENT ON COLUMN warehouse.pipeline_daily.superseded_rows IS
    'Documents replaced by a later answer, count';
COMMENT ON COLUMN warehouse.pipeline_daily.quarantine_share_pct IS
    'Share of the raw documents that is in quarantine, percent';
COMMENT ON COLUMN warehouse.pipeline_daily.credits IS
    'CoinCap credits spent: counted, or else estimated';
