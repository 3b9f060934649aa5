"""Databases on a PostgreSQL server: their URLs, and creating a missing one.

What goes here: what the databases of Dagster and Airflow need. What stays out: tables and roles (in
`migrations`), the server itself (in `postgres`).
"""

from urllib.parse import quote, urlsplit, urlunsplit

from cryptoassets.errors import StoreError, StoreUnavailableError


def with_database(url: str, database: str) -> str:
    """Return the libpq URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def create_if_missing(url: str, database: str, *, is_private: bool = False) -> None:
    """Create `database` on the server of `url` unless it exists.

    Args:
        url: URL of any database on the server.
        database: its name.
        is_private: only the owner may connect to a new database; an existing one is not changed.

    Raises:
        StoreUnavailableError: the server cannot be reached.
        SettingsError: the database, or the one that `url` names, is not UTF-8.
        StoreError: the user may not create a database, or the server is read-only.
    """
    import psycopg  # noqa: PLC0415 -- heavy, and most commands do not need it
    from psycopg import sql  # noqa: PLC0415

    from cryptoassets import libpq  # noqa: PLC0415

    question = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s"
    parts = urlsplit(url)
    server = f"{parts.hostname}:{parts.port or 5432}"
    try:
        with libpq.connect(url, autocommit=True) as connection:
            encoding = connection.execute(question, (database,)).fetchone()
            if encoding is None:
                # The server's default template may have another encoding.
                statement = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
                connection.execute(sql.SQL(statement).format(sql.Identifier(database)))
                if is_private:
                    revoke = "REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC"
                    connection.execute(sql.SQL(revoke).format(sql.Identifier(database)))
            elif encoding[0] != "UTF8":
                raise libpq.not_utf8(database, encoding[0], f"postgresql://{server}")
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        # Another command created it at the same moment.
        return
    except psycopg.OperationalError as error:
        remedy = "start it or correct POSTGRES_URL"
        remedy = libpq.FULL_REMEDY if libpq.is_full(error) else remedy
        raise StoreUnavailableError(
            f"PostgreSQL at {server} cannot be reached: {str(error).strip()}. A retry can help; "
            f"{remedy}"
        ) from error
    except psycopg.Error as error:
        raise StoreError(
            f"PostgreSQL at {server} has no database `{database}` and did not let us create it: "
            f"{str(error).strip()}. A retry will not help; create it yourself (CREATE DATABASE)"
        ) from error
