-- Released: never change these statements; write a new revision instead. Revision 0008 rewords many of the comments.
CREATE SCHEMA IF NOT EXISTS warehouse;
COMMENT ON SCHEMA warehouse IS 'Cleaned, checked rows with the ledger of their loads; written by cryptoassets only.';
COMMENT ON TABLE warehouse.alembic_version IS 'Revision of the schemas warehouse and marts, kept by alembic.';
COMMENT ON COLUMN warehouse.alembic_version.version_num IS 'Revision that is applied';

CREATE TABLE warehouse.coins (
    coin_id text NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL,
    rank integer NOT NULL,
    max_supply numeric(38, 18),
    explorer text,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (coin_id)
);
COMMENT ON TABLE warehouse.coins IS 'One row a coin: what its newest valid observation says of it.';
COMMENT ON COLUMN warehouse.coins.coin_id IS 'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN warehouse.coins.symbol IS 'Ticker symbol, not unique';
COMMENT ON COLUMN warehouse.coins.name IS 'Name of the coin';
COMMENT ON COLUMN warehouse.coins.rank IS 'Rank by market cap at that time, 1 = largest';
COMMENT ON COLUMN warehouse.coins.max_supply IS 'Coins that can ever exist; null: no limit';
COMMENT ON COLUMN warehouse.coins.explorer IS 'URL of a block explorer';
COMMENT ON COLUMN warehouse.coins.first_seen_at IS 'Oldest valid observation, UTC';
COMMENT ON COLUMN warehouse.coins.last_seen_at IS 'Newest valid observation, UTC';

CREATE TABLE warehouse.coin_prices (
    coin_id text NOT NULL,
    observed_at timestamptz NOT NULL,
    price_usd numeric(38, 18) NOT NULL,
    market_cap_usd numeric(38, 18),
    volume_usd_24h numeric(38, 18),
    vwap_usd_24h numeric(38, 18),
    change_pct_24h numeric(38, 18),
    supply numeric(38, 18),
    max_supply numeric(38, 18),
    rank integer NOT NULL,
    source text NOT NULL,
    fetched_at timestamptz NOT NULL,
    raw_id text NOT NULL,
    PRIMARY KEY (coin_id, observed_at)
) PARTITION BY RANGE (observed_at);
CREATE INDEX ON warehouse.coin_prices (observed_at);
COMMENT ON TABLE warehouse.coin_prices IS 'One row a coin and observation, exact decimals; partitioned by UTC month.';
COMMENT ON COLUMN warehouse.coin_prices.coin_id IS 'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN warehouse.coin_prices.observed_at IS 'Market time of the observation, UTC';
COMMENT ON COLUMN warehouse.coin_prices.price_usd IS 'Price of one coin, US dollars';
COMMENT ON COLUMN warehouse.coin_prices.market_cap_usd IS 'Price times supply, US dollars';
COMMENT ON COLUMN warehouse.coin_prices.volume_usd_24h IS 'Traded in the last 24 hours, US dollars';
COMMENT ON COLUMN warehouse.coin_prices.vwap_usd_24h IS 'Volume-weighted average price of the last 24 hours, US dollars';
COMMENT ON COLUMN warehouse.coin_prices.change_pct_24h IS 'Price change in 24 hours, percent';
COMMENT ON COLUMN warehouse.coin_prices.supply IS 'Coins in circulation';
COMMENT ON COLUMN warehouse.coin_prices.max_supply IS 'Coins that can ever exist; null: no limit';
COMMENT ON COLUMN warehouse.coin_prices.rank IS 'Rank by market cap at that time, 1 = largest';
COMMENT ON COLUMN warehouse.coin_prices.source IS 'Where the row comes from: coincap, simulator or replay';
COMMENT ON COLUMN warehouse.coin_prices.fetched_at IS 'When we received the answer, UTC, our clock';
COMMENT ON COLUMN warehouse.coin_prices.raw_id IS 'The _id of the raw document in MongoDB';

CREATE TABLE warehouse.coin_price_history (
    coin_id text NOT NULL,
    "interval" text NOT NULL,
    observed_at timestamptz NOT NULL,
    price_usd numeric(38, 18) NOT NULL,
    circulating_supply numeric(38, 18),
    source text NOT NULL,
    fetched_at timestamptz NOT NULL,
    raw_id text NOT NULL,
    PRIMARY KEY (coin_id, interval, observed_at)
);
COMMENT ON TABLE warehouse.coin_price_history IS 'Historical prices on the grid of an interval: one row a coin, interval and point.';
COMMENT ON COLUMN warehouse.coin_price_history.coin_id IS 'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN warehouse.coin_price_history.interval IS 'CoinCap''s interval: m1 m5 m15 m30 h1 h2 h6 h12 d1';
COMMENT ON COLUMN warehouse.coin_price_history.observed_at IS 'Market time of the observation, UTC';
COMMENT ON COLUMN warehouse.coin_price_history.price_usd IS 'Price of one coin, US dollars';
COMMENT ON COLUMN warehouse.coin_price_history.circulating_supply IS 'Coins in circulation';
COMMENT ON COLUMN warehouse.coin_price_history.source IS 'Where the row comes from: coincap, simulator or replay';
COMMENT ON COLUMN warehouse.coin_price_history.fetched_at IS 'When we received the answer, UTC, our clock';
COMMENT ON COLUMN warehouse.coin_price_history.raw_id IS 'The _id of the raw document in MongoDB';

CREATE TABLE warehouse.quarantine (
    raw_id text NOT NULL,
    asset text NOT NULL,
    partition_key text NOT NULL,
    reasons text[] NOT NULL,
    payload text,
    first_seen_at timestamptz,
    run_id text NOT NULL,
    PRIMARY KEY (asset, raw_id)
);
CREATE INDEX ON warehouse.quarantine (asset, partition_key);
COMMENT ON TABLE warehouse.quarantine IS 'Raw documents that break a rule, with every reason; one row a document and asset.';
COMMENT ON COLUMN warehouse.quarantine.raw_id IS 'The _id of the raw document in MongoDB';
COMMENT ON COLUMN warehouse.quarantine.asset IS 'Asset that refused the document, e.g. warehouse/coin_prices';
COMMENT ON COLUMN warehouse.quarantine.partition_key IS 'Dagster partition of the document';
COMMENT ON COLUMN warehouse.quarantine.reasons IS 'Codes of every rule it breaks, sorted';
COMMENT ON COLUMN warehouse.quarantine.payload IS 'The document''s payload, JSON with ASCII escapes';
COMMENT ON COLUMN warehouse.quarantine.first_seen_at IS 'When the document was fetched, UTC';
COMMENT ON COLUMN warehouse.quarantine.run_id IS 'Dagster run that published this row last';

CREATE TABLE warehouse.loads (
    asset text NOT NULL,
    partition_key text NOT NULL,
    run_id text NOT NULL,
    raw_rows bigint NOT NULL,
    loaded_rows bigint NOT NULL,
    quarantined_rows bigint NOT NULL,
    superseded_rows bigint NOT NULL,
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (asset, partition_key),
    CONSTRAINT loads_add_up CHECK (raw_rows = loaded_rows + quarantined_rows + superseded_rows)
);
COMMENT ON TABLE warehouse.loads IS 'The ledger: latest publication of a partition; raw = loaded + quarantined + superseded.';
COMMENT ON COLUMN warehouse.loads.asset IS 'Asset that was published, e.g. warehouse/coin_prices';
COMMENT ON COLUMN warehouse.loads.partition_key IS 'Dagster partition';
COMMENT ON COLUMN warehouse.loads.run_id IS 'Dagster run that published it';
COMMENT ON COLUMN warehouse.loads.raw_rows IS 'Raw documents in the partition, count';
COMMENT ON COLUMN warehouse.loads.loaded_rows IS 'Rows in the table, count';
COMMENT ON COLUMN warehouse.loads.quarantined_rows IS 'Rows in quarantine, count';
COMMENT ON COLUMN warehouse.loads.superseded_rows IS 'Documents replaced by a later answer, count';
COMMENT ON COLUMN warehouse.loads.loaded_at IS 'When the partition was published, UTC';

CREATE TABLE warehouse.gaps (
    coin_id text NOT NULL,
    "interval" text NOT NULL,
    gap_start timestamptz NOT NULL,
    gap_end timestamptz NOT NULL,
    detected_at timestamptz NOT NULL,
    healed_at timestamptz,
    unfillable boolean NOT NULL,
    PRIMARY KEY (coin_id, interval, gap_start)
);
COMMENT ON TABLE warehouse.gaps IS 'Holes in the history of a coin.';
COMMENT ON COLUMN warehouse.gaps.coin_id IS 'CoinCap''s slug of the coin, e.g. bitcoin';
COMMENT ON COLUMN warehouse.gaps.interval IS 'CoinCap''s interval';
COMMENT ON COLUMN warehouse.gaps.gap_start IS 'First missing point, UTC';
COMMENT ON COLUMN warehouse.gaps.gap_end IS 'First point after the hole, UTC';
COMMENT ON COLUMN warehouse.gaps.detected_at IS 'When the hole was found, UTC';
COMMENT ON COLUMN warehouse.gaps.healed_at IS 'When it was filled, UTC; null: open';
COMMENT ON COLUMN warehouse.gaps.unfillable IS 'The source cannot fill it; not tried again';

CREATE TABLE warehouse.credits (
    called_at timestamptz NOT NULL,
    route text NOT NULL,
    estimated bigint NOT NULL,
    counted bigint,
    PRIMARY KEY (called_at, route)
);
COMMENT ON TABLE warehouse.credits IS 'CoinCap credits: one row a call, written before it and counted after it.';
COMMENT ON COLUMN warehouse.credits.called_at IS 'When the call was made, UTC';
COMMENT ON COLUMN warehouse.credits.route IS 'Route of the call, without parameters';
COMMENT ON COLUMN warehouse.credits.estimated IS 'Credits expected before the call';
COMMENT ON COLUMN warehouse.credits.counted IS 'Credits by the size of the answer';
