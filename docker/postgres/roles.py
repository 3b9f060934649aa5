"""Create PostgreSQL's roles, or update their passwords; safe to run again.

`cryptoassets` is the role of the platform. It owns the platform's databases and everything in them,
and has no other rights. `executor`, the role of Spark's tasks, may use the schema `staging`. There,
each publication creates a staging table and lets `executor` insert into it. Scripts in PostgreSQL's
init folder run only once, on an empty volume, so they could neither update passwords nor change
existing volumes.

In old versions, the platform logged in as `admin`, which owned everything. This script makes
`cryptoassets` the owner of each object, one by one, because REASSIGN OWNED does not work for
PostgreSQL's first superuser. Views that a user has added keep their owner, because they may read
the user's own tables.
"""

import os
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from cryptoassets import libpq, migrations
from cryptoassets.embedded.databases import with_database

ROLE, TASKS = "cryptoassets", "executor"
SCHEMAS = ("warehouse", "marts", "staging")
_VIEWS_BEFORE_ROLE = ("marts.coin_latest", "warehouse.pipeline_daily")
"""The platform's views from before the role existed; the role itself created all later views."""

# A sequence that belongs to a column is left out: it gets the owner of its table automatically.
_RELATIONS = """
    SELECT format('ALTER %%s %%s OWNER TO %%I', kind, pg_class.oid::regclass, %(role)s::text)
    FROM pg_class JOIN (VALUES
        ('r', 'TABLE'), ('p', 'TABLE'), ('S', 'SEQUENCE'), ('v', 'VIEW')
    ) AS kinds (relkind, kind) ON kinds.relkind = pg_class.relkind::text
    WHERE relnamespace = ANY (%(schemas)s::regnamespace[])
        AND relowner = current_user::regrole
        AND (pg_class.relkind <> 'v' OR %(views)s::text[] IS NULL
            OR format('%%s.%%s', relnamespace::regnamespace, relname) = ANY (%(views)s))
        AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                AND pg_class.relkind = 'S' AND deptype IN ('a', 'i')
        )
    ORDER BY 1
"""
_ROUTINES = """
    SELECT format('ALTER ROUTINE %%s OWNER TO %%I', oid::regprocedure, %(role)s::text)
    FROM pg_proc
    WHERE pronamespace = ANY (%(schemas)s::regnamespace[]) AND proowner = current_user::regrole
    ORDER BY 1
"""


def main() -> None:
    """Create the roles, and make the platform's role the owner of its databases."""
    folder = Path(os.environ["SECRETS"])
    admin_url = (folder / "postgres-admin-url").read_text()
    for role in (ROLE, TASKS):
        create(admin_url, role, (folder / f"postgres-{role}").read_text())
    set_up_product(admin_url)
    with psycopg.connect(with_database(admin_url, "dagster")) as connection:
        hand_over(connection, ("public",))
    sys.stdout.write(f"PostgreSQL's roles are set up: {ROLE}, {TASKS}\n")


def create(admin_url: str, name: str, password: str) -> None:
    """Create a role with a log-in, or update its password."""
    role, secret = sql.Identifier(name), sql.Literal(password)
    with psycopg.connect(admin_url) as connection:
        if connection.execute("SELECT to_regrole(%s) IS NULL", [name]).fetchone() == (True,):
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(role, secret))


def set_up_product(admin_url: str) -> None:
    """Give `cryptoassets` and `executor` their rights in the platform's database.

    On an empty volume, all tables are created here, because only an administrator can give the role
    `analyst` all its rights. The platform itself creates the tables that later versions add.
    """
    with libpq.connect(admin_url) as connection:
        question = "SELECT to_regclass('warehouse.alembic_version') IS NULL"
        is_empty = connection.execute(question).fetchone() == (True,)
    if is_empty:
        migrations.upgrade(admin_url)
    with psycopg.connect(admin_url) as connection:
        hand_over(connection, SCHEMAS, None if is_empty else _VIEWS_BEFORE_ROLE)
        names = (connection.info.dbname, ROLE, TASKS)
        database, role, tasks = map(sql.Identifier, names)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, tasks))
        rights = sql.SQL(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA warehouse, marts "
            "GRANT SELECT ON TABLES TO analyst"
        )
        connection.execute(rights.format(role))
        # Only a superuser may run these statements. Old versions never ran them.
        statements = Path(migrations.__file__).parent / "versions/r0005_large_objects.sql"
        connection.execute(statements.read_text(encoding="utf-8"))
        # A volume of an old version may lack the schema; a later migration then grants this right.
        if _exists(connection, "staging"):
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA staging TO {}").format(tasks))


def hand_over(
    connection: psycopg.Connection, schemas: tuple[str, ...], views: tuple[str, ...] | None = None
) -> None:
    """Make the platform's role own a database, and the administrator's objects in these schemas.

    Args:
        connection: the administrator's connection to this database.
        schemas: names of schemas; those that do not exist are skipped. `public` keeps its owner.
        views: the only views to hand over; None means all views.
    """
    # A run of the previous version may still hold locks on tables; wait for it, but not forever.
    connection.execute("SET LOCAL lock_timeout = '60s'")
    role, database = sql.Identifier(ROLE), sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, role))
    existing = [s for s in schemas if _exists(connection, s)]
    for schema in set(existing) - {"public"}:
        statement = sql.SQL("ALTER SCHEMA {} OWNER TO {}")
        connection.execute(statement.format(sql.Identifier(schema), role))
    wanted = {"role": ROLE, "schemas": existing, "views": list(views) if views else None}
    for query in (_RELATIONS, _ROUTINES):
        for (statement,) in connection.execute(query, wanted).fetchall():
            connection.execute(statement)


def _exists(connection: psycopg.Connection, schema: str) -> bool:
    question = "SELECT to_regnamespace(%s) IS NOT NULL"
    return connection.execute(question, [schema]).fetchone() == (True,)


if __name__ == "__main__":
    main()
