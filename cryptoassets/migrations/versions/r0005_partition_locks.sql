-- Released: never change these statements; write a new revision instead. Revision 0008 rewords many of the comments.
CREATE TABLE warehouse.partition_locks (
    asset text NOT NULL,
    partition_key text NOT NULL,
    PRIMARY KEY (asset, partition_key)
);
COMMENT ON TABLE warehouse.partition_locks IS
    'What writers lock while they work, a row per lock; the rows themselves say nothing.';
COMMENT ON COLUMN warehouse.partition_locks.asset IS 'What is locked: an asset, or work that only one process may do';
COMMENT ON COLUMN warehouse.partition_locks.partition_key IS 'Dagster partition; empty: all of it';
