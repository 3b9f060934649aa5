-- Released: never change these statements. They are safe to run again; the warning below asks an administrator to do so.
-- By default, any role that may log in, even analyst, can store large objects, because PUBLIC may call the functions for them.
DO $$
DECLARE
    called regprocedure;
BEGIN
    FOR called IN
        SELECT oid FROM pg_catalog.pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
            AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite'))
            AND has_function_privilege('public', oid, 'EXECUTE')
    LOOP
        IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
            RAISE WARNING 'The role analyst may still create large objects in database %, for only a superuser can '
                'revoke that. All else works; let one run cryptoassets/migrations/versions/r0005_large_objects.sql '
                'there', current_database();
            EXIT;
        END IF;
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', called);
    END LOOP;
END
$$;
