"""Databases on a PostgreSQL server: URLs of them, and making one that is missing.

What goes here: what Dagster's (and Airflow's) own database needs. What stays out: tables and roles
(in `migrations`), the server itself (in `postgres`).
"""

from urllib.parse import quote, urlsplit, urlunsplit

from cryptoassets.errors import SettingsError, StoreError, StoreUnavailableError

CONNECT_SECONDS = 10


def with_database(url: str, database: str) -> str:
    """Return the libpq URL of another database on the same server.

    Raises:
        SettingsError: not a URL with a database in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise SettingsError(
            "POSTGRES_URL must look like postgresql://user:password@host:5432/database"
        )
    return urlunsplit(parts._replace(path=f"/{quote(database)}"))


def create_if_missing(url: str, database: str) -> None:
    """Make `database` on the server of `url` unless it is there.

    Raises:
        StoreUnavailableError: no connection.
        StoreError: the user may not make one.
    """
    import psycopg  # noqa: PLC0415 -- heavy, and most commands never come here
    from psycopg import sql  # noqa: PLC0415

    question = "SELECT 1 FROM pg_database WHERE datname = %s"
    parts = urlsplit(url)
    server = f"{parts.hostname}:{parts.port or 5432}"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            if connection.execute(question, (database,)).fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
                connection.execute(statement)
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        # Another command made it in the same moment.
        return
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(
            f"PostgreSQL at {server} cannot be reached: {str(error).strip()}. Start it or correct "
            "POSTGRES_URL; then a retry will help"
        ) from error
    except psycopg.Error as error:
        raise StoreError(
            f"PostgreSQL at {server} has no database `{database}` and did not let us make it: "
            f"{str(error).strip()}. A retry will not help; make it yourself (CREATE DATABASE)"
        ) from error
