-- Released: never change these statements. Revision 0008 rewords the comments.
CREATE SCHEMA IF NOT EXISTS staging;
COMMENT ON SCHEMA staging IS
    'Rows of publications at work, in unlogged tables that go with them; leave it out of dumps.';
-- Other roles have no rights on a new schema, unless the database's default privileges grant them some.
REVOKE ALL ON SCHEMA staging FROM PUBLIC;
DO $$
BEGIN
    IF to_regrole('analyst') IS NOT NULL THEN
        REVOKE ALL ON SCHEMA staging FROM analyst;
    END IF;
END
$$;

ALTER TABLE warehouse.loads ADD COLUMN clean_checksum text, ADD COLUMN rows_checksum text;
COMMENT ON COLUMN warehouse.loads.clean_checksum IS
    'Checksum of the cleaned rows that were published, in any order; null: expired, or published before it was kept';
COMMENT ON COLUMN warehouse.loads.rows_checksum IS
    'Checksum of the rows in the table and in quarantine, run_id left out; null: expired, or published before it was kept';
