"""Exports are exact in every format, never incomplete, and do not overwrite existing files."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import psycopg
import pyarrow.parquet as pq
import pytest

from cryptoassets.analysis.export import ExportRequest, export_table
from cryptoassets.analysis.moments import zone_named
from cryptoassets.analysis.selection import make_filter
from cryptoassets.errors import QueryError, SettingsError, StoreError

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("market")]

EXACT = "86000.000000000000000001"
FIRST = datetime(2026, 11, 23, tzinfo=UTC)
BERLIN = zone_named("Europe/Berlin")


def export(out: Path, kind: str, table: str = "coin_prices", **changes: Any) -> Any:
    """Export bitcoin's prices of 2026-11-23 (UTC), with times in Berlin's time zone."""
    wanted = make_filter("bitcoin", "2026-11-23T01:00", "2026-11-24T01:00", zone=BERLIN)
    request = {"table": table, "wanted": wanted, "format": kind, "out": out, "zone": BERLIN}
    return export_table(ExportRequest(**(request | changes)), lambda _rows: None)


def test_parquet_has_exact_decimals_and_the_time_zone(tmp_path: Path) -> None:
    """The moments are the same as in UTC."""
    written = export(tmp_path, "parquet")

    table = pq.read_table(written.path)
    assert (tmp_path / "coin_prices.parquet", 24, 0) == (
        written.path,
        written.rows,
        written.escaped,
    )
    assert "timestamp[us, tz=Europe/Berlin]" == str(table.schema.field("observed_at").type)
    assert (Decimal(EXACT), FIRST) == (
        table["price_usd"][0].as_py(),
        table["observed_at"][0].as_py(),
    )


def test_a_duckdb_file_has_a_table_named_like_the_exported_one(tmp_path: Path) -> None:
    """The file opens with `duckdb prices.duckdb`."""
    written = export(tmp_path / "prices.duckdb", "duckdb")

    with duckdb.connect(str(written.path), read_only=True) as connection:
        query = "SELECT price_usd, epoch_us(observed_at) FROM coin_prices ORDER BY observed_at"
        row = connection.execute(query).fetchone()
    assert (Decimal(EXACT), int(FIRST.timestamp() * 1_000_000)) == row


def test_csv_has_exact_texts_and_times_with_their_offset(tmp_path: Path) -> None:
    """No number is written as 1E-18, and nobody has to guess the time zone."""
    written = export(tmp_path, "csv")

    with written.path.open(newline="") as file:
        row = next(iter(csv.DictReader(file)))
    assert EXACT == row["price_usd"]
    assert "2026-11-23T01:00:00.000000+01:00" == row["observed_at"]
    assert "0.500000000000000000" == row["change_pct_24h"]


def test_xlsx_has_amounts_as_texts(tmp_path: Path) -> None:
    """A numeric cell holds only 15 digits."""
    written = export(tmp_path, "xlsx")

    titles, first, *_ = openpyxl.load_workbook(written.path)["coin_prices"].iter_rows(
        values_only=True
    )
    row = dict(zip(titles, first, strict=True))
    assert (EXACT, 1) == (row["price_usd"], row["rank"])
    assert "2026-11-23T01:00:00.000000+01:00" == row["observed_at"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_text_that_a_spreadsheet_would_evaluate_gets_an_apostrophe(
    tmp_path: Path, kind: str, market_url: str, postgres_url_of: Any
) -> None:
    """The creator of a coin chooses its name; negative amounts are not formulas."""
    database = str(psycopg.conninfo.conninfo_to_dict(market_url)["dbname"])
    names = ["=HYPERLINK(1)", "+1", "-1", "@x", "'x", "plain", ""]
    with psycopg.connect(postgres_url_of(database)) as owner:
        owner.execute(
            "INSERT INTO warehouse.coins SELECT 'evil' || n, '', name, 100 + n, -1.5, NULL, "
            "now(), now() FROM unnest(%s::text[]) WITH ORDINALITY AS names (name, n)",
            [names],
        )
    try:
        wanted = make_filter([f"evil{n}" for n in range(1, 8)])
        written = export(tmp_path, kind, "coins", wanted=wanted)
    finally:
        with psycopg.connect(postgres_url_of(database)) as owner:
            owner.execute("DELETE FROM warehouse.coins WHERE coin_id LIKE 'evil%'")

    if kind == "csv":
        with written.path.open(newline="") as file:
            rows = [(row["name"], row["max_supply"]) for row in csv.DictReader(file)]
    else:
        sheet = openpyxl.load_workbook(written.path)["coins"]
        rows = [(row[2] or "", row[4]) for row in sheet.iter_rows(min_row=2, values_only=True)]
    marked = ["'=HYPERLINK(1)", "'+1", "'-1", "'@x", "'x", "plain", ""]
    assert [(name, "-1.500000000000000000") for name in marked] == rows
    assert 4 == written.escaped


@pytest.mark.parametrize("kind", ["parquet", "csv", "duckdb", "xlsx"])
def test_every_table_can_be_written_in_every_format(tmp_path: Path, kind: str) -> None:
    """The tables contain lists, days and booleans; some tables are empty."""
    for table in ("quarantine", "gaps", "marts.coin_daily", "credits", "coin_latest"):
        written = export(tmp_path, kind, table, wanted=make_filter(), overwrites=True)
        assert written.path.stat().st_size > 0

    assert [] == list(tmp_path.glob(".*"))


def test_an_existing_file_is_only_replaced_with_force(tmp_path: Path) -> None:
    """The file may contain somebody's work."""
    (tmp_path / "coin_prices.csv").write_text("mine")

    with pytest.raises(SettingsError, match=r"coin_prices.csv exists.*--force"):
        export(tmp_path, "csv")
    assert "mine" == (tmp_path / "coin_prices.csv").read_text()
    export(tmp_path, "csv", overwrites=True)

    assert EXACT in (tmp_path / "coin_prices.csv").read_text()


@pytest.mark.parametrize("kind", ["parquet", "csv", "duckdb", "xlsx"])
def test_an_interrupted_export_leaves_no_file(tmp_path: Path, kind: str) -> None:
    """An incomplete file would look like a complete one."""

    def interrupt(_rows: int) -> None:
        raise KeyboardInterrupt

    wanted = make_filter()
    request = ExportRequest("coin_prices", wanted, kind, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        export_table(request, interrupt)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"table": "nowhere"}, SettingsError, "no table 'nowhere'. Known tables: warehouse.coins"),
        ({"table": "coin_dialy"}, SettingsError, r"'coin_dialy'. Did you mean coin_daily\?$"),
        ({"table": "marts.coin_dialy"}, SettingsError, r"Did you mean marts.coin_daily\?$"),
        ({"format": "ods"}, SettingsError, "'ods' is not a format. Known formats: parquet, csv"),
        ({"out": Path("/no/such/file")}, SettingsError, "folder /no/such does not exist"),
        ({"out": Path("/proc/x.csv")}, StoreError, "/proc/x.csv cannot be written"),
        ({"table": "loads"}, SettingsError, "warehouse.loads has no coins"),
        ({"table": "coin_aliases", "wanted": make_filter(since=date(2026, 1, 1))}, SettingsError,
         "has no times"),
        ({"wanted": make_filter("bitcoinn")}, SettingsError, "no coin 'bitcoinn'"),
    ],
)  # fmt: skip
def test_misuse_is_refused_with_a_reason(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Each message names what is wrong."""
    with pytest.raises(error, match=words):
        export(**({"out": tmp_path, "kind": "csv"} | changes))

    assert [] == list(tmp_path.iterdir())


def test_the_known_tables_are_those_that_hold_data(tmp_path: Path) -> None:
    """Users have no use for `partition_locks`, whose rows writers lock."""
    with pytest.raises(SettingsError, match=r"marts\.coin_latest$") as caught:
        export(tmp_path, "csv", "nowhere")

    assert "partition_locks" not in str(caught.value)


def test_a_lost_connection_leaves_no_file(tmp_path: Path, market_url: str) -> None:
    """The connection may be lost while the file is being written."""
    with psycopg.connect(market_url, autocommit=True) as other:

        def end_connection(_rows: int) -> None:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'COPY%' AND pid <> pg_backend_pid()"
            )
            raise QueryError

        request = ExportRequest("coin_prices", make_filter(), "csv", tmp_path)
        with pytest.raises(QueryError):
            export_table(request, end_connection)

    assert [] == list(tmp_path.iterdir())
