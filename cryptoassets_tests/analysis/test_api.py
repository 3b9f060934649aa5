"""`import cryptoassets as ca`: exact values, explicit times, and cheap to import."""

import doctest
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import cryptoassets as ca
from cryptoassets.analysis import api
from cryptoassets.analysis.selection import make_filter, selection
from cryptoassets.errors import ExtraMissingError, QueryError, SettingsError
from cryptoassets.schemas import table_named

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("market")]

EXACT = Decimal("86000.000000000000000001")
FIRST = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", [name for name in ca.__all__ if name != "Result"])
def test_the_example_of_each_function_is_true(name: str) -> None:
    """People copy it before they read the rest."""
    tests = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name)
    runner = doctest.DocTestRunner()

    for test in tests:
        runner.run(test)

    assert runner.tries > 0
    assert 0 == runner.failures


def test_every_form_has_the_exact_price_and_the_moment_in_utc() -> None:
    """A double would lose the last digits, and a naive time would depend on the reader's zone."""
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
def test_a_moment_may_be_a_text_a_date_or_a_time_with_zone(since: Any) -> None:
    """Texts and dates without zone are UTC, as in every command."""
    assert 24 == len(ca.prices("bitcoin", since=since))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ca.prices(since=datetime.fromisoformat("2026-11-23T00:00")), "has no time zone"),
        (lambda: ca.prices(since="yesterday"), "'yesterday' is not a date or time"),
        (lambda: ca.prices("BTC"), "There is no coin 'BTC'. Did you mean bitcoin?"),
        (lambda: ca.prices(["bitcoin", "bitcoinn"]), r"no coin 'bitcoinn'. `ca.coins\(\)`"),
        (lambda: ca.history("bitcoin", interval="h3"), "'h3' is not an interval. Known are m1, m5"),
        (lambda: api.candles(interval="m5"), "'m5' is not an interval. Known are h1, h4, d1, w1"),
        (lambda: ca.prices(currency="1; drop"), "is not a currency"),
    ],
)
def test_an_argument_without_a_match_is_refused(call: Callable[[], ca.Result], words: str) -> None:
    """An empty result would look like missing data."""
    with pytest.raises(SettingsError, match=words):
        call()


def test_a_query_may_have_any_types_and_names() -> None:
    """Computed numbers are rounded, repeated names numbered, unknown types become text."""
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


def test_rows_that_are_only_null_are_rows() -> None:
    """In CSV such a row is an empty line."""
    table = ca.sql("SELECT NULLIF(n, 2) AS n FROM generate_series(1, 3) AS n ORDER BY 1;").arrow()

    assert [1, 3, None] == table["n"].to_pylist()


def test_a_large_result_arrives_in_order_and_complete() -> None:
    """More than one batch is read."""
    table = ca.sql("SELECT n, repeat('x', 100) FROM generate_series(1, %s) AS n", [200_000]).arrow()

    assert 1 < table["n"].num_chunks
    assert list(range(1, 200_001)) == table["n"].to_pylist()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1; SELECT 2", "refused the query"),
        ("SELECT 1) AS x; DROP TABLE coins; --", "refused the query"),
        ("DELETE FROM coins", "refused the query"),
        ("SELECT 'Infinity'::numeric AS a", "fits no type of Arrow"),
        ("SELECT 1e30::numeric AS a", "fits no type of Arrow"),
        ("SELECT FROM coins", "has no columns"),
        (" ; ", "There is no statement"),
    ],
)
def test_a_failed_read_is_one_sentence(statement: str, words: str) -> None:
    """A traceback of the driver helps nobody."""
    with pytest.raises(QueryError, match=words):
        ca.sql(statement)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries for data frames are optional, to keep the core small."""
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    coins = ca.coins()

    with pytest.raises(ExtraMissingError, match=r"cryptoassets\[polars\]"):
        coins.polars()
    with pytest.raises(ExtraMissingError, match=r"cryptoassets\[duckdb\]"):
        coins.duckdb()


def test_the_import_alone_loads_nothing() -> None:
    """Every worker and every command imports the package."""
    code = (
        "import sys, cryptoassets; "
        "print([m for m in sys.modules if m.startswith('cryptoassets.') or m == 'pyarrow'])"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "[]" == answer.stdout.strip()


def test_duckdb_is_a_relation_of_its_own_kind() -> None:
    """The relation can be filtered and written without a copy in pandas."""
    assert isinstance(ca.coins().duckdb(), duckdb.DuckDBPyRelation)


def test_a_candle_is_converted_at_its_end_and_an_unknown_currency_is_an_error() -> None:
    """The rate must be that of the time of the close; an unknown code is usually misspelt."""
    table = ca.candles("bitcoin", since="2026-11-23", currency="jpy").arrow()

    assert Decimal("13987500.000000000000000000") == table["close_jpy"][0].as_py()
    with pytest.raises(SettingsError, match=r"no rates of EURO\. Known are USD, EUR, JPY"):
        ca.prices("bitcoin", currency="euro")
    with pytest.raises(SettingsError, match=r"warehouse\.coins has no amounts"):
        selection(table_named("warehouse.coins"), make_filter(currency="EUR"))
