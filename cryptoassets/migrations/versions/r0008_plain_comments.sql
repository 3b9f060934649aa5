-- Frozen: databases have run this file. A change needs a new revision.
COMMENT ON SCHEMA staging IS
    'Unlogged tables of publications in progress, dropped when they end; exclude this schema from dumps.';
COMMENT ON SEQUENCE warehouse.publications IS 'Numbers of publications; drawn while the lock of a partition is held.';
COMMENT ON TABLE warehouse.coins IS 'One row per coin, as its newest valid observation describes it.';
COMMENT ON COLUMN warehouse.coins.max_supply IS 'Number of coins that can ever exist; null means no limit';
COMMENT ON COLUMN warehouse.coins.first_seen_at IS 'Time of the oldest valid observation, UTC';
COMMENT ON COLUMN warehouse.coins.last_seen_at IS 'Time of the newest valid observation, UTC';
COMMENT ON TABLE warehouse.coin_prices IS 'One row per coin and observation, exact decimals; partitioned by UTC month.';
COMMENT ON COLUMN warehouse.coin_prices.volume_usd_24h IS 'Trading volume of the last 24 hours, US dollars';
COMMENT ON COLUMN warehouse.coin_prices.max_supply IS 'Number of coins that can ever exist; null means no limit';
COMMENT ON COLUMN warehouse.coin_prices.fetched_at IS 'When the answer was received, UTC, by this platform''s clock';
COMMENT ON TABLE warehouse.coin_price_history IS
    'Historical prices on the grid of an interval: one row per coin, interval and point.';
COMMENT ON COLUMN warehouse.coin_price_history.fetched_at IS
    'When the answer was received, UTC, by this platform''s clock';
COMMENT ON TABLE warehouse.quarantine IS
    'Raw documents that break a rule, with every reason; one row per document and asset.';
COMMENT ON COLUMN warehouse.quarantine.asset IS 'Asset that rejected the document, e.g. warehouse/coin_prices';
COMMENT ON COLUMN warehouse.quarantine.reasons IS 'Codes of all rules that the document breaks, sorted';
COMMENT ON COLUMN warehouse.quarantine.run_id IS 'Dagster run that last published this row';
COMMENT ON TABLE warehouse.quarantine_releases IS
    'Documents that a later publication took out of quarantine; one row per release, never changed.';
COMMENT ON COLUMN warehouse.quarantine_releases.asset IS 'Asset that had rejected the document';
COMMENT ON COLUMN warehouse.quarantine_releases.released_at IS 'When the document left the quarantine, UTC';
COMMENT ON COLUMN warehouse.quarantine_releases.reasons IS 'Codes of the rules for which the document was quarantined';
COMMENT ON COLUMN warehouse.quarantine_releases.outcome IS 'Outcome of the document since then: loaded or superseded';
COMMENT ON COLUMN warehouse.quarantine_releases.run_id IS 'Dagster run that released the document';
COMMENT ON TABLE warehouse.loads IS
    'The ledger: the latest publication of each partition; raw = loaded + quarantined + superseded.';
COMMENT ON COLUMN warehouse.loads.run_id IS 'Dagster run that published the partition';
COMMENT ON COLUMN warehouse.loads.expired_at IS
    'When retention deleted the partition, UTC; null means that it still exists';
COMMENT ON COLUMN warehouse.loads.publication IS
    'Number of the latest publication that changed rows of the table; 0 means none did';
COMMENT ON COLUMN warehouse.loads.clean_checksum IS
    'Checksum of the published cleaned rows, in any order; null means expired, or published before checksums were recorded';
COMMENT ON COLUMN warehouse.loads.rows_checksum IS
    'Checksum of the rows in the table and in quarantine, without run_id; null means expired, or published before checksums were recorded';
COMMENT ON TABLE warehouse.load_history IS
    'Every publication of prices, history or marts that changed something; one row per publication, never changed.';
COMMENT ON COLUMN warehouse.load_history.publication IS
    'Number of the publication; a later publication of a partition has a larger number';
COMMENT ON COLUMN warehouse.load_history.run_id IS 'Dagster run that published the partition';
COMMENT ON COLUMN warehouse.load_history.raw_rows IS 'Raw documents in the partition, count; null for a mart';
COMMENT ON COLUMN warehouse.load_history.quarantined_rows IS 'Rows in quarantine afterwards, count; null for a mart';
COMMENT ON COLUMN warehouse.load_history.superseded_rows IS
    'Documents replaced by a later answer, count; null for a mart';
COMMENT ON COLUMN warehouse.load_history.published_at IS 'When the publishing transaction began, UTC';
COMMENT ON TABLE warehouse.mart_loads IS
    'The latest publication of each mart partition, and the publications of its inputs.';
COMMENT ON COLUMN warehouse.mart_loads.run_id IS 'Dagster run that published the partition';
COMMENT ON COLUMN warehouse.mart_loads.inputs IS
    'Publication number of each input partition that was read, by asset and partition key';
COMMENT ON COLUMN warehouse.mart_loads.aliases_hash IS
    'MD5 of warehouse.coin_aliases when it was read; null if the mart does not read it';
COMMENT ON TABLE warehouse.gaps IS 'Gaps in the price history of coins.';
COMMENT ON COLUMN warehouse.gaps.gap_end IS 'First point after the gap, UTC';
COMMENT ON COLUMN warehouse.gaps.detected_at IS 'When the gap was found, UTC';
COMMENT ON COLUMN warehouse.gaps.healed_at IS 'When the gap was filled, UTC; null means that it is open';
COMMENT ON COLUMN warehouse.gaps.unfillable IS 'Whether the source cannot fill the gap; then no retries';
COMMENT ON TABLE warehouse.credits IS
    'CoinCap credits: one row per call, written before the call and completed after it.';
COMMENT ON COLUMN warehouse.credits.counted IS 'Credits charged, computed from the size of the answer';
COMMENT ON TABLE warehouse.coin_aliases IS
    'Old slugs of coins, which the marts replace by today''s slug. Users may edit this table.';
COMMENT ON COLUMN warehouse.coin_aliases.alias IS 'Slug that CoinCap used in the past, e.g. ripple';
COMMENT ON TABLE warehouse.partition_locks IS
    'Locks of writers: one row per lock, locked while a writer works. The rows hold no data.';
COMMENT ON COLUMN warehouse.partition_locks.partition_key IS 'Dagster partition; empty means all partitions';
COMMENT ON TABLE marts.coin_daily IS 'One row per coin and UTC day.';
COMMENT ON COLUMN marts.coin_daily.volume_usd_24h IS '24-hour volume in the last snapshot of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.market_cap_usd IS 'Market cap in the last snapshot of the day, US dollars';
COMMENT ON COLUMN marts.coin_daily.observations IS
    'Snapshots of the day, plus history points of hours without a snapshot, count';
COMMENT ON COLUMN marts.coin_daily.return_pct IS 'Change from the close of the day before to this close, percent';
COMMENT ON COLUMN marts.coin_daily.drawdown_pct IS
    'How far the close is below the highest price of the last 7 days, percent';
COMMENT ON TABLE marts.market_daily IS 'One row per UTC day: totals over the coins of marts.coin_daily.';
COMMENT ON VIEW marts.coin_latest IS 'View: one row per coin, with its newest observation and its age.';
COMMENT ON COLUMN marts.coin_latest.volume_usd_24h IS 'Trading volume of the last 24 hours, US dollars';
COMMENT ON COLUMN marts.coin_latest.max_supply IS 'Number of coins that can ever exist; null means no limit';
COMMENT ON COLUMN marts.coin_latest.fetched_at IS 'When the answer was received, UTC, by this platform''s clock';

-- Partitions do not inherit comments from their table, so the existing monthly partitions get copies.
DO $$
DECLARE
    month regclass;
    column_name name;
    comment text;
BEGIN
    FOR month, column_name, comment IN
        SELECT inhrelid::regclass, attname, col_description(inhparent, attnum)
        FROM pg_inherits JOIN pg_attribute ON attrelid = inhparent
        WHERE inhparent = 'warehouse.coin_prices'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', month, column_name, comment);
    END LOOP;
END
$$;
