-- Released: never change these statements. If the role `executor` is created later, run them again, which is safe.
-- On a cluster, Spark's tasks log in as this role. Each publication grants the role INSERT on the staging table that it creates.
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
