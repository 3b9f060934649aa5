-- Released: never change these statements; write a new revision instead. Revision 0008 rewords many of the comments.
ALTER TABLE warehouse.loads ADD COLUMN expired_at timestamptz;
COMMENT ON COLUMN warehouse.loads.expired_at IS 'When retention deleted the partition, UTC; null: it is there';

CREATE TABLE warehouse.quarantine_releases (
    asset text NOT NULL,
    raw_id text NOT NULL,
    released_at timestamptz NOT NULL,
    partition_key text NOT NULL,
    reasons text[] NOT NULL,
    first_seen_at timestamptz,
    outcome text NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (asset, raw_id, released_at),
    CONSTRAINT outcome_is_known CHECK (outcome IN ('loaded', 'superseded'))
);
COMMENT ON TABLE warehouse.quarantine_releases IS
    'Documents that a later publication took out of quarantine; one row a release, never changed.';
COMMENT ON COLUMN warehouse.quarantine_releases.asset IS 'Asset that had refused the document';
COMMENT ON COLUMN warehouse.quarantine_releases.raw_id IS 'The _id of the raw document in MongoDB';
COMMENT ON COLUMN warehouse.quarantine_releases.released_at IS 'When it left the quarantine, UTC';
COMMENT ON COLUMN warehouse.quarantine_releases.partition_key IS 'Dagster partition of the document';
COMMENT ON COLUMN warehouse.quarantine_releases.reasons IS 'Codes of the rules that it had broken until then';
COMMENT ON COLUMN warehouse.quarantine_releases.first_seen_at IS 'When the document was fetched, UTC';
COMMENT ON COLUMN warehouse.quarantine_releases.outcome IS 'What became of it: loaded or superseded';
COMMENT ON COLUMN warehouse.quarantine_releases.run_id IS 'Dagster run that released it';

CREATE TABLE warehouse.coin_aliases (
    alias text NOT NULL,
    coin_id text NOT NULL,
    PRIMARY KEY (alias),
    CONSTRAINT alias_is_another_slug CHECK (alias <> coin_id)
);
COMMENT ON TABLE warehouse.coin_aliases IS
    'Old slugs of coins: the marts count them as the slug of today. Yours to edit.';
COMMENT ON COLUMN warehouse.coin_aliases.alias IS 'Slug that CoinCap used once, e.g. ripple';
COMMENT ON COLUMN warehouse.coin_aliases.coin_id IS 'Slug of the same coin today, e.g. xrp';
INSERT INTO warehouse.coin_aliases VALUES ('ripple', 'xrp');

COMMENT ON COLUMN marts.coin_daily.volume_usd_24h IS
    'Last 24-hour volume of the day by a snapshot, US dollars';
COMMENT ON COLUMN marts.coin_daily.market_cap_usd IS 'Last market cap of the day by a snapshot, US dollars';
COMMENT ON COLUMN marts.coin_daily.observations IS
    'Snapshots of the day, and points of history in hours without one, count';
