"""The PostgreSQL role `analyst`, which is used wherever data is only read.

What goes here: its limits, its password in the embedded PostgreSQL, and the SQL that gives it a
log-in on other servers. What stays out: what it may read (in `migrations`), connecting (in
`analysis`).
"""

import secrets

ROLE = "analyst"
PASSWORD_FILE = "analyst-password"  # noqa: S105 -- a file name
READ_ONLY = {"default_transaction_read_only": "on"}
LIMITS = {
    "statement_timeout": "10min",
    # A reader waits for a lock only during a migration. A reader that waits too long would block
    # the next writer, which is behind it in the queue.
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "1min",
}
"""Defaults, which a session may override. Longer queries would keep deleted rows on disk."""


def login_statements(password: str) -> list[str]:
    """Return one-line SQL statements that create the role if missing and let it log in."""
    options = (READ_ONLY | LIMITS).items()
    limits = [f"ALTER ROLE {ROLE} SET {name} = '{value}';" for name, value in options]
    return [
        f"DO $$ BEGIN CREATE ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
        f"ALTER ROLE {ROLE} LOGIN PASSWORD '{password}';",
        *limits,
    ]


def how_to_create_login(database: str) -> str:
    """Return the SQL with which an administrator gives the role a log-in on any server."""
    grants = [
        f'GRANT CONNECT ON DATABASE "{database}" TO {ROLE};',
        f"GRANT USAGE ON SCHEMA warehouse, marts TO {ROLE};",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA warehouse, marts TO {ROLE};",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA warehouse, marts GRANT SELECT ON TABLES TO {ROLE};",
    ]
    return "\n".join([*login_statements("choose a password"), *grants])


def private_statements(databases: tuple[str, ...]) -> list[str]:
    """Return the SQL that closes databases to roles without explicit rights, e.g. `analyst`."""
    names = ", ".join(databases)
    return [f"REVOKE CONNECT, TEMPORARY ON DATABASE {names} FROM PUBLIC;"]


def new_password() -> str:
    """Return a random password without characters that SQL or a URL would have to escape."""
    return secrets.token_urlsafe(24)
