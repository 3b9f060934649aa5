-- Frozen like its neighbours, yet safe to run again by hand: when a role `executor` was made later.
-- Spark's tasks on a cluster log in as it; a publication grants it INSERT on its own table in staging.
DO $$
BEGIN
    IF to_regrole('executor') IS NULL THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA staging TO executor;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING 'The role executor may not use the schema staging (%). A Spark on this machine works without; '
            'let the owner of the schema run cryptoassets/migrations/versions/r0007_executor.sql in database %',
            sqlerrm, current_database();
END
$$;
