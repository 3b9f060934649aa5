"""Create PostgreSQL's role `executor`, or update its password; safe to run again.

The role may log in and, once the schema `staging` exists, use it; each publication grants it INSERT
on its own table. PostgreSQL's init folder would run only once, on an empty volume, and would not
apply a changed password.
"""

import os
import sys

import psycopg
from psycopg import sql

ROLE = "executor"


def main() -> None:
    """Create the role on the server, and grant its rights in the product's database."""
    password = sql.Literal(os.environ["POSTGRES_EXECUTOR_PASSWORD"])
    role = sql.Identifier(ROLE)
    with psycopg.connect(os.environ["POSTGRES_URL"]) as connection:
        if connection.execute("SELECT to_regrole(%s) IS NULL", [ROLE]).fetchone() == (True,):
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(role, password))
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, role))
        # On an empty volume the migrations of the first run create the schema and grant the same.
        if connection.execute("SELECT to_regnamespace('staging') IS NOT NULL").fetchone() == (
            True,
        ):
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA staging TO {}").format(role))
    sys.stdout.write(f"PostgreSQL's role {ROLE} may log in and use the schema staging\n")


if __name__ == "__main__":
    main()
