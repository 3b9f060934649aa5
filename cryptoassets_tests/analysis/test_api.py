"""`import cryptoassets as ca`: exact values, explicit time zones and a fast import."""

import doctest
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from importlib import metadata
from typing import Any

import duckdb
import polars as pl
import psycopg
import pyarrow as pa
import pytest

import cryptoassets as ca
from cryptoassets.analysis import api
from cryptoassets.analysis.query import run_query
from cryptoassets.analysis.selection import make_filter, selection
from cryptoassets.errors import ExtraMissingError, QueryError, SettingsError, StoreUnavailableError
from cryptoassets.schemas import table_named

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("market")]

EXACT = Decimal("86000.000000000000000001")
FIRST = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", [name for name in ca.__all__ if name != "Result"])
def test_the_example_in_each_docstring_is_correct(name: str) -> None:
    """Users copy the example before they read the text."""
    tests = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name)
    runner = doctest.DocTestRunner()

    for test in tests:
        runner.run(test)

    assert runner.tries > 0
    assert 0 == runner.failures


def test_every_result_format_has_the_exact_price_and_the_time_in_utc() -> None:
    """A double would lose the last digits; a naive time would depend on the user's time zone."""
    bitcoin = ca.prices("bitcoin", since=FIRST, until=FIRST + timedelta(hours=1))

    table, frame = bitcoin.arrow(), bitcoin.pandas()
    rows = bitcoin.duckdb().query("rows", "SELECT price_usd, observed_at FROM rows").fetchall()

    assert pa.decimal128(38, 18) == table.schema.field("price_usd").type
    assert pa.timestamp("us", tz="UTC") == table.schema.field("observed_at").type
    assert (EXACT, FIRST) == (frame["price_usd"][0], frame["observed_at"][0])
    assert "decimal128(38, 18)[pyarrow]" == str(frame["price_usd"].dtype)
    polars = bitcoin.polars()
    assert pl.Decimal(38, 18) == polars.schema["price_usd"]
    assert (EXACT, FIRST) == (polars["price_usd"][0], polars["observed_at"][0])
    assert [(EXACT, FIRST)] == rows
    assert "<1 rows: coin_id, observed_at, price_usd" in repr(bitcoin)


@pytest.mark.parametrize(
    "since",
    [
        "2026-11-23",
        date(2026, 11, 23),
        FIRST,
        "2026-11-23T01:00+01:00",
        datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_moment_may_be_a_text_a_date_or_a_time_with_a_time_zone(since: Any) -> None:
    """Strings and dates without a time zone are UTC, as in every command."""
    assert 24 == len(ca.prices("bitcoin", since=since))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ca.prices(since=datetime.fromisoformat("2026-11-23T00:00")), "has no time zone"),
        (lambda: ca.prices(since="yesterday"), "'yesterday' is not a date or time"),
        (lambda: ca.prices("BTC"), "There is no coin 'BTC'. Did you mean bitcoin?"),
        (lambda: ca.prices(["bitcoin", "bitcoinn"]), r"no coin 'bitcoinn'. Did you mean bitcoin\?"),
        (lambda: ca.prices("Etherum"), r"There is no coin 'Etherum'. Did you mean ethereum\?"),
        (lambda: ca.prices("dollar"), r"no coin 'dollar'. `cryptoassets sql .*`ca.coins\(\)`"),
        (
            lambda: ca.history("bitcoin", interval="h3"),
            "'h3' is not an interval. Known intervals: m1, m5",
        ),
        (
            lambda: api.candles(interval="m5"),
            "'m5' is not an interval. Known intervals: h1, h4, d1, w1",
        ),
        (lambda: ca.prices(currency="1; drop"), "is not a currency"),
    ],
)
def test_an_invalid_argument_is_refused(call: Callable[[], ca.Result], words: str) -> None:
    """An empty result would look like missing data."""
    with pytest.raises(SettingsError, match=words):
        call()


def test_a_query_may_return_any_types_and_column_names() -> None:
    """Numbers are rounded, repeated names get a number, types unknown to Arrow become strings."""
    table = ca.sql("""
        SELECT 2 / 3::numeric AS a, 1 AS a, ARRAY['x', NULL, 'a,"b'] AS texts, NULL::text[] AS none,
            '{"k": 1}'::jsonb AS json, true AS is_true, 1.5::float8 AS double, '' AS empty,
            NULL::text AS missing, timestamp '2026-11-23 10:00' AS naive, date '2026-11-23' AS day,
            interval '1 hour' AS length, 'line' || chr(10) || 'break' AS text, 7::smallint AS small
        -- a comment at the end;
    """).arrow()

    assert [
        {
            "a": Decimal("0.666666666666666667"),
            "a_2": 1,
            "texts": ["x", None, 'a,"b'],
            "none": None,
            "json": '{"k": 1}',
            "is_true": True,
            "double": 1.5,
            "empty": "",
            "missing": None,
            "naive": datetime.fromisoformat("2026-11-23T10:00"),
            "day": date(2026, 11, 23),
            "length": "01:00:00",
            "text": "line\nbreak",
            "small": 7,
        }
    ] == table.to_pylist()


def test_a_row_that_is_only_null_is_not_lost() -> None:
    """Rows are read from PostgreSQL as CSV, in which such a row is an empty line."""
    table = ca.sql("SELECT NULLIF(n, 2) AS n FROM generate_series(1, 3) AS n ORDER BY 1;").arrow()

    assert [1, 3, None] == table["n"].to_pylist()


def test_a_large_result_is_complete_and_in_order() -> None:
    """The result is read in more than one batch."""
    table = ca.sql("SELECT n, repeat('x', 100) FROM generate_series(1, %s) AS n", [200_000]).arrow()

    assert 1 < table["n"].num_chunks
    assert list(range(1, 200_001)) == table["n"].to_pylist()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1; SELECT 2", "^Only one statement at a time"),
        ("SHOW TimeZone; SHOW TimeZone", "^Only one statement at a time"),
        (
            "SELECT 1) AS x; DROP TABLE coins; --",
            r'refused the query: syntax error at or near "\)"',
        ),
        ("selct;", 'refused the query: syntax error at or near "selct"'),
        ("DELETE FROM coins", "not a query, but .* are read-only"),
        ("-- all\nDROP TABLE coins; -- really", "not a query, but .* are read-only"),
        (
            "WITH gone AS (DELETE FROM coins RETURNING *) SELECT * FROM gone",
            "not a query, but .* are read-only",
        ),
        ("SELECT 'Infinity'::numeric AS a", "fits no Arrow type"),
        ("SELECT 1e30::numeric AS a", "fits no Arrow type"),
        ("SELECT FROM coins", "has no columns"),
        (" ; ", "There is no statement"),
        ("-- nothing;\n/* ; */", "There is no statement"),
    ],
)
def test_a_failed_query_raises_the_platforms_own_error(statement: str, words: str) -> None:
    """The message says what to do; a traceback from the database driver would not."""
    with pytest.raises(QueryError, match=words):
        ca.sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT '; --' AS text",
        "SELECT '; --' AS text; -- a comment;\n/* another; */ ;",
        "/* a comment; */ SELECT '; --' AS text -- the end;",
    ],
)
def test_comments_and_semicolons_may_follow_a_query(statement: str) -> None:
    """Users copy the queries of `docs/queries.sql` together with the answers below them."""
    assert [{"text": "; --"}] == ca.sql(statement).arrow().to_pylist()


def test_a_connection_lost_before_the_query_is_not_the_querys_fault(
    reader: psycopg.Connection, market_url: str
) -> None:
    """A retry can help, so the error must not ask for a correction of the query."""
    with psycopg.connect(market_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [reader.info.backend_pid])

    with pytest.raises(StoreUnavailableError, match="A retry can help"):
        run_query(reader, "SELECT 1")


def test_explain_may_follow_a_comment() -> None:
    """Users can ask for the plan of a query without deleting its comments."""
    assert 1 == len(ca.sql("-- why so slow?\nEXPLAIN SELECT 1;"))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries for data frames are optional, so that the basic installation stays small."""
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    coins = ca.coins()

    with pytest.raises(ExtraMissingError, match=r"cryptoassets\[polars\]"):
        coins.polars()
    with pytest.raises(ExtraMissingError, match=r"cryptoassets\[duckdb\]"):
        coins.duckdb()


def test_importing_the_package_loads_no_other_modules() -> None:
    """Every worker and every command imports the package, so this must be fast."""
    code = (
        "import sys, cryptoassets; "
        "print([m for m in sys.modules if m.startswith('cryptoassets.') or m == 'pyarrow'])"
    )

    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "[]" == completed.stdout.strip()


def test_dir_and_help_show_what_users_can_call() -> None:
    """Tab completion in a notebook uses `dir`; functions are not loaded until they are used."""
    code = (
        "import pydoc, sys, cryptoassets as ca; print(dir(ca)); "
        "assert not [m for m in sys.modules if m.startswith('cryptoassets.')]; "
        "print(ca.__version__); print(pydoc.plain(pydoc.render_doc(ca)))"
    )

    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    names, version, *page = completed.stdout.splitlines()
    assert str(sorted([*ca.__all__, "__version__"])) == names
    assert metadata.version("cryptoassets") == version
    assert "What goes here" not in "".join(page)
    assert any(line.startswith("    prices(coins:") for line in page)


def test_history_that_was_never_fetched_causes_a_warning() -> None:
    """An empty result alone does not tell a new user that `backfill` must run first."""
    with pytest.warns(UserWarning, match="interval m5 .*`cryptoassets backfill --from") as caught:
        points = ca.history("bitcoin", interval="m5")

    assert 0 == len(points)
    assert __file__ == caught[0].filename


def test_the_duckdb_result_is_a_duckdb_relation() -> None:
    """A DuckDB relation can be filtered and written without a copy in pandas."""
    assert isinstance(ca.coins().duckdb(), duckdb.DuckDBPyRelation)


def test_a_candle_is_converted_at_the_rate_at_its_end() -> None:
    """The close is the price at the end. An unknown currency is refused: it is usually misspelt."""
    table = ca.candles("bitcoin", since="2026-11-23", currency="jpy").arrow()

    assert Decimal("13987500.000000000000000000") == table["close_jpy"][0].as_py()
    with pytest.raises(SettingsError, match=r"no rates for EURO\. Known currencies: USD, EUR, JPY"):
        ca.prices("bitcoin", currency="euro")
    with pytest.raises(SettingsError, match=r"warehouse\.coins has no amounts"):
        selection(table_named("warehouse.coins"), make_filter(currency="EUR"))
