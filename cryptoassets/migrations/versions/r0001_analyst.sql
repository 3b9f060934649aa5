-- Released: never change these statements. They are safe to run again; the warnings below ask an administrator to do so.
DO $$
BEGIN
    IF to_regrole('analyst') IS NULL THEN
        CREATE ROLE analyst NOLOGIN;
    END IF;
EXCEPTION
    -- A role belongs to the whole server, but migrations lock only their database. So the migration of another
    -- database may have created the role in the meantime.
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'The role analyst is missing, for % may not create roles. All else works; to have it, '
            'let an administrator run cryptoassets/migrations/versions/r0001_analyst.sql in database %',
            current_user, current_database();
END
$$;

DO $$
BEGIN
    IF to_regrole('analyst') IS NULL THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA warehouse, marts TO analyst;
    GRANT SELECT ON ALL TABLES IN SCHEMA warehouse, marts TO analyst;
    -- The role that runs this script will create monthly partitions of coin_prices later; analyst may read them, too.
    ALTER DEFAULT PRIVILEGES IN SCHEMA warehouse, marts GRANT SELECT ON TABLES TO analyst;
    COMMENT ON ROLE analyst IS 'May read the schemas warehouse and marts, nothing else.';
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING 'The role analyst was not given all it should have (%). All else works; let the owner of the '
            'schemas run cryptoassets/migrations/versions/r0001_analyst.sql in database %',
            sqlerrm, current_database();
END
$$;

-- The role analyst inherits PUBLIC's rights, so PUBLIC must not be able to create objects.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
EXCEPTION
    WHEN insufficient_privilege OR invalid_schema_name THEN
        RAISE WARNING 'The role analyst may still create tables (%), in database %', sqlerrm, current_database();
END
$$;
