"""The tables in the database are those that `cryptoassets.schemas` describes."""

from datetime import date

import psycopg
import pytest

from cryptoassets.resources.postgres import ensure_months
from cryptoassets.schemas import COIN_LATEST, PIPELINE_DAILY, POSTGRES_TABLES, Table

pytestmark = pytest.mark.postgres

VIEWS = (COIN_LATEST, PIPELINE_DAILY)
TYPES = {
    "bigint": "bigint",
    "boolean": "boolean",
    "date": "date",
    "int": "integer",
    "jsonb": "jsonb",
    "numeric": "numeric(38,18)",
    "text": "text",
    "text[]": "text[]",
    "timestamptz": "timestamp with time zone",
}

COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum),
        NOT attnotnull
    FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum
"""

KEY = """
    SELECT array_agg(attname::text ORDER BY array_position(indkey::int2[], attnum))
    FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
    WHERE indrelid = %s::regclass AND indisprimary
"""

WITHOUT_COMMENT = """
    SELECT nspname::text FROM pg_namespace
    WHERE nspname IN ('warehouse', 'marts', 'staging')
        AND obj_description(oid, 'pg_namespace') IS NULL
    UNION ALL
    SELECT concat_ws('.', oid::regclass, attname)
    FROM pg_class JOIN pg_attribute ON attrelid = oid AND attnum >= 0
    WHERE relnamespace IN ('warehouse'::regnamespace, 'marts'::regnamespace)
        AND relkind IN ('r', 'p', 'v')
        AND col_description(oid, attnum) IS NULL
    UNION ALL
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace IN ('warehouse'::regnamespace, 'marts'::regnamespace)
        AND relkind IN ('r', 'p', 'v') AND obj_description(oid, 'pg_class') IS NULL
"""


@pytest.mark.parametrize("table", POSTGRES_TABLES, ids=lambda table: table.full_name)
def test_columns_in_the_database_equal_those_in_schemas(database: str, table: Table) -> None:
    """Checks, docs and COPY statements use `schemas`, but the DDL is written separately."""
    expected = [
        # Columns of a view have no NOT NULL constraint; `age_seconds` has no fixed precision.
        (c.name, TYPES[c.type], c.comment, c.is_nullable or table in VIEWS)
        if c.name != "age_seconds"
        else (c.name, "numeric", c.comment, True)
        for c in table.columns
    ]

    with psycopg.connect(database) as connection:
        assert expected == connection.execute(COLUMNS, [table.full_name]).fetchall()


@pytest.mark.parametrize("table", POSTGRES_TABLES, ids=lambda table: table.full_name)
def test_keys_and_table_comments_equal_those_in_schemas(database: str, table: Table) -> None:
    """Without the primary key in the database, a retry could duplicate rows."""
    with psycopg.connect(database) as connection:
        key = connection.execute(KEY, [table.full_name]).fetchone()
        comment = connection.execute(
            "SELECT obj_description(%s::regclass, 'pg_class')", [table.full_name]
        ).fetchone()

    assert (table.comment,) == comment
    assert (None if table in VIEWS else list(table.key),) == key


def test_everything_in_the_schemas_has_a_comment(database: str) -> None:
    """Users read comments in pgAdmin, including those on Alembic's table and price partitions."""
    with psycopg.connect(database) as connection:
        ensure_months(connection, [date(2026, 11, 1)])

        assert [] == connection.execute(WITHOUT_COMMENT).fetchall()


def test_a_ledger_row_that_does_not_add_up_is_refused(database: str) -> None:
    """The database enforces raw = loaded + quarantined + superseded."""
    insert = "INSERT INTO warehouse.loads VALUES ('a', 'p', 'r', 10, 7, 2, 0, now())"

    with (
        psycopg.connect(database) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="loads_add_up"),
    ):
        connection.execute(insert)


def test_prices_are_kept_exactly(database: str) -> None:
    """A double would lose the last digits of some amounts, such as SHIB's supply."""
    amount = "SELECT '12345678901234567890.123456789012345678'::numeric(38, 18)::text"

    with psycopg.connect(database) as connection:
        ensure_months(connection, [date(2026, 11, 1)])
        connection.execute(INSERT_PRICES.replace("1.5", f"({amount})::numeric"), ["2026-11-02"])
        (price,) = connection.execute("SELECT price_usd::text FROM marts.coin_latest").fetchone()

    assert "12345678901234567890.123456789012345678" == price


INSERT_PRICES = """
    WITH coin AS (
        INSERT INTO warehouse.coins
        SELECT 'coin-' || n, 'C', 'Coin', n, NULL, NULL, now(), now() FROM generate_series(1, 20) n
        ON CONFLICT DO NOTHING
    )
    INSERT INTO warehouse.coin_prices
    SELECT 'coin-' || n, %s::timestamptz + step * interval '1 hour', 1.5, NULL, NULL, NULL, NULL,
        NULL, NULL, n, 'simulator', now(), 'raw'
    FROM generate_series(1, 20) n, generate_series(0, 200) step
"""


def test_coin_latest_returns_the_newest_row_per_coin_without_reading_old_months(
    database: str,
) -> None:
    """Dashboards query this view every few seconds, and a year of prices has 10 million rows."""
    with psycopg.connect(database) as connection:
        ensure_months(connection, [date(2026, month, 1) for month in (9, 10, 11)])
        for day in ("2026-09-02 00:00Z", "2026-10-02 00:00Z", "2026-11-02 00:00Z"):
            connection.execute(INSERT_PRICES, [day])
        connection.execute("ANALYZE warehouse.coin_prices")
        newest = connection.execute(
            "SELECT count(*), min(observed_at) = '2026-11-10 08:00Z', "
            "bool_and(age_seconds = extract(epoch FROM now() - observed_at)) FROM marts.coin_latest"
        ).fetchone()
        explain = "EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM marts.coin_latest"
        plan = [line for (line,) in connection.execute(explain)]

    assert (20, True, True) == newest
    scans = {
        line.split(" on ")[1].split()[0]: line
        for line in plan
        if "coin_prices_2" in line and " on " in line
    }
    assert "never executed" in scans["coin_prices_2026_09"]
    assert not [line for line in plan if "Seq Scan on coin_prices" in line]
