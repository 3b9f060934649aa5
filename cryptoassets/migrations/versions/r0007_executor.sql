-- Released: never change these statements. They are safe to run again if the role `executor` was created later.
-- Spark's tasks on a cluster log in as this role; each publication grants it INSERT on its own staging table.
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
