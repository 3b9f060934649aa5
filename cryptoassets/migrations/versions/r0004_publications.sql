-- Released: never change these statements. Revision 0008 rewords many of the comments.
-- Days of marts that were computed before this revision have no row in mart_loads. Whether their prices have changed since then
-- is unknown, so the next run computes all of these days again.
CREATE SEQUENCE warehouse.publications AS bigint;
COMMENT ON SEQUENCE warehouse.publications IS 'Numbers of publications; taken under the lock of a partition.';

ALTER TABLE warehouse.loads ADD COLUMN publication bigint NOT NULL DEFAULT nextval('warehouse.publications');
COMMENT ON COLUMN warehouse.loads.publication IS
    'Number of the latest publication that changed rows of the table; 0: none has';

CREATE TABLE warehouse.load_history (
    publication bigint NOT NULL,
    asset text NOT NULL,
    partition_key text NOT NULL,
    run_id text NOT NULL,
    raw_rows bigint,
    loaded_rows bigint NOT NULL,
    quarantined_rows bigint,
    superseded_rows bigint,
    rows_written bigint NOT NULL,
    rows_removed bigint NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (publication)
);
CREATE INDEX ON warehouse.load_history (asset, partition_key);
COMMENT ON TABLE warehouse.load_history IS
    'Every publication that changed something, of prices, history and marts; one row per publication, never changed.';
COMMENT ON COLUMN warehouse.load_history.publication IS 'Number of the publication; a later one of a partition has a larger one';
COMMENT ON COLUMN warehouse.load_history.asset IS 'Asset that was published, e.g. warehouse/coin_prices';
COMMENT ON COLUMN warehouse.load_history.partition_key IS 'Dagster partition';
COMMENT ON COLUMN warehouse.load_history.run_id IS 'Dagster run that published it';
COMMENT ON COLUMN warehouse.load_history.raw_rows IS 'Raw documents in the partition, count; null: a mart';
COMMENT ON COLUMN warehouse.load_history.loaded_rows IS 'Rows in the table afterwards, count';
COMMENT ON COLUMN warehouse.load_history.quarantined_rows IS 'Rows in quarantine afterwards, count; null: a mart';
COMMENT ON COLUMN warehouse.load_history.superseded_rows IS 'Documents replaced by a later answer, count; null: a mart';
COMMENT ON COLUMN warehouse.load_history.rows_written IS 'Rows of the table that were inserted or updated, count';
COMMENT ON COLUMN warehouse.load_history.rows_removed IS 'Rows of the table that were deleted, count';
COMMENT ON COLUMN warehouse.load_history.published_at IS 'When the transaction began, UTC';

CREATE TABLE warehouse.mart_loads (
    asset text NOT NULL,
    partition_key text NOT NULL,
    run_id text NOT NULL,
    publication bigint NOT NULL,
    loaded_rows bigint NOT NULL,
    inputs jsonb NOT NULL,
    aliases_hash text,
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (asset, partition_key)
);
COMMENT ON TABLE warehouse.mart_loads IS
    'The latest publication of each mart partition, and the publications that it was made from.';
COMMENT ON COLUMN warehouse.mart_loads.asset IS 'Mart that was published, e.g. marts/coin_daily';
COMMENT ON COLUMN warehouse.mart_loads.partition_key IS 'Dagster partition: the UTC day';
COMMENT ON COLUMN warehouse.mart_loads.run_id IS 'Dagster run that published it';
COMMENT ON COLUMN warehouse.mart_loads.publication IS 'Number of the latest publication that changed rows of the mart';
COMMENT ON COLUMN warehouse.mart_loads.loaded_rows IS 'Rows in the mart, count';
COMMENT ON COLUMN warehouse.mart_loads.inputs IS 'Publication of each input partition, by asset and partition key, as it was read';
COMMENT ON COLUMN warehouse.mart_loads.aliases_hash IS 'MD5 of warehouse.coin_aliases as it was read; null: the mart does not read it';
COMMENT ON COLUMN warehouse.mart_loads.loaded_at IS 'When the partition was published, UTC';
