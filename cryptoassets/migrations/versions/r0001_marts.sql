-- Released: never change these statements; write a new revision instead. Revision 0008 rewords many of the comments.
CREATE SCHEMA IF NOT EXISTS marts;
COMMENT ON SCHEMA marts IS 'Figures ready to read, made from the warehouse; written by cryptoassets only.';

CREATE TABLE marts.coin_daily (
    coin_id text NOT NULL,
    day date NOT NULL,
    open numeric(38, 18) NOT NULL,
    high numeric(38, 18) NOT NULL,
    low numeric(38, 18) NOT NULL,
    close numeric(38, 18) NOT NULL,
    volume_usd_24h numeric(38, 18),
    market_cap_usd numeric(38, 18),
    observations bigint NOT NULL,
    return_pct numeric(38, 18),
    volatility_7d_pct numeric(38, 18),
    drawdown_pct numeric(38, 18) NOT NULL,
    PRIMARY KEY (coin_id, day)
);
COMMENT ON TABLE marts.coin_daily IS 'One row a coin and UTC day.';
COMMENT ON COLUMN marts.coin_daily.coin_id IS 'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN marts.coin_daily.day IS 'UTC day';
COMMENT ON COLUMN marts.coin_daily.open IS 'First price of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.high IS 'Highest price of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.low IS 'Lowest price of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.close IS 'Last price of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.volume_usd_24h IS 'Last 24-hour volume of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.market_cap_usd IS 'Last market cap of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.observations IS 'Observations on the day, count';
COMMENT ON COLUMN marts.coin_daily.return_pct IS 'Close against the close of the day before, percent';
COMMENT ON COLUMN marts.coin_daily.volatility_7d_pct IS 'Sample standard deviation of the last 7 daily returns, percent';
COMMENT ON COLUMN marts.coin_daily.drawdown_pct IS 'Close below the highest price of the last 7 days, percent';

CREATE TABLE marts.market_daily (
    day date NOT NULL,
    market_cap_usd numeric(38, 18),
    volume_usd_24h numeric(38, 18),
    coins bigint NOT NULL,
    btc_dominance_pct numeric(38, 18),
    gainers bigint NOT NULL,
    losers bigint NOT NULL,
    PRIMARY KEY (day)
);
COMMENT ON TABLE marts.market_daily IS 'One row a UTC day: the coins of marts.coin_daily added up.';
COMMENT ON COLUMN marts.market_daily.day IS 'UTC day';
COMMENT ON COLUMN marts.market_daily.market_cap_usd IS 'Sum of market caps, US dollars';
COMMENT ON COLUMN marts.market_daily.volume_usd_24h IS 'Sum of 24-hour volumes, US dollars';
COMMENT ON COLUMN marts.market_daily.coins IS 'Coins seen on the day, count';
COMMENT ON COLUMN marts.market_daily.btc_dominance_pct IS 'Bitcoin''s share of market_cap_usd, percent';
COMMENT ON COLUMN marts.market_daily.gainers IS 'Coins with a return above zero, count';
COMMENT ON COLUMN marts.market_daily.losers IS 'Coins with a return below zero, count';

-- For each coin, usually one index lookup in the newest partition is enough, no matter how much history the coin has.
CREATE VIEW marts.coin_latest AS
SELECT
    coins.coin_id,
    coins.symbol,
    coins.name,
    newest.observed_at,
    newest.price_usd,
    newest.market_cap_usd,
    newest.volume_usd_24h,
    newest.vwap_usd_24h,
    newest.change_pct_24h,
    newest.supply,
    newest.max_supply,
    newest.rank,
    newest.source,
    newest.fetched_at,
    newest.raw_id,
    extract(epoch FROM now() - newest.observed_at)::numeric AS age_seconds
FROM warehouse.coins
CROSS JOIN LATERAL (
    SELECT *
    FROM warehouse.coin_prices
    WHERE coin_prices.coin_id = coins.coin_id
    ORDER BY coin_prices.observed_at DESC
    LIMIT 1
) AS newest;
COMMENT ON VIEW marts.coin_latest IS 'View: one row a coin, its newest observation and its age.';
COMMENT ON COLUMN marts.coin_latest.coin_id IS 'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN marts.coin_latest.symbol IS 'Ticker symbol, not unique';
COMMENT ON COLUMN marts.coin_latest.name IS 'Name of the coin';
COMMENT ON COLUMN marts.coin_latest.observed_at IS 'Market time of the observation, UTC';
COMMENT ON COLUMN marts.coin_latest.price_usd IS 'Price of one coin, US dollars';
COMMENT ON COLUMN marts.coin_latest.market_cap_usd IS 'Price times supply, US dollars';
COMMENT ON COLUMN marts.coin_latest.volume_usd_24h IS 'Traded in the last 24 hours, US dollars';
COMMENT ON COLUMN marts.coin_latest.vwap_usd_24h IS 'Volume-weighted average price of the last 24 hours, US dollars';
COMMENT ON COLUMN marts.coin_latest.change_pct_24h IS 'Price change in 24 hours, percent';
COMMENT ON COLUMN marts.coin_latest.supply IS 'Coins in circulation';
COMMENT ON COLUMN marts.coin_latest.max_supply IS 'Coins that can ever exist; null: no limit';
COMMENT ON COLUMN marts.coin_latest.rank IS 'Rank by market cap at that time, 1 = largest';
COMMENT ON COLUMN marts.coin_latest.source IS 'Where the row comes from: coincap, simulator or replay';
COMMENT ON COLUMN marts.coin_latest.fetched_at IS 'When we received the answer, UTC, our clock';
COMMENT ON COLUMN marts.coin_latest.raw_id IS 'The _id of the raw document in MongoDB';
COMMENT ON COLUMN marts.coin_latest.age_seconds IS 'Age of the observation when queried, seconds';
