"""The ECB's daily reference rates, tested with a made-up file in the ECB's format."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import psycopg
import pytest

import cryptoassets as ca
from cryptoassets.assets.rates import ecb_rates
from cryptoassets.errors import SettingsError, SourceUnavailableError
from cryptoassets.resources.ecb_rates import is_due, load_ecb_rates, rates_in
from cryptoassets.resources.postgres import PostgresResource

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 27, 17, tzinfo=UTC)
"""A Friday."""
HOLIDAYS = {date(2025, 12, 25), date(2025, 12, 26), date(2026, 4, 3), date(2026, 4, 6)}


_YEAR_OF_BITCOIN = """
    INSERT INTO warehouse.coin_price_history
        (coin_id, interval, observed_at, price_usd, source, fetched_at, raw_id)
    SELECT 'bitcoin', 'h1', hour, 90000, 'simulator', hour, 'bitcoin@h1@' || hour
    FROM generate_series('2025-11-27 00:00+00'::timestamptz, '2026-11-27', '1 hour') AS hour
"""


def ecb_csv(days: int = 400, *, gbp: str = "0.85") -> bytes:
    """Return a file with one line per business day, newest first, as the ECB writes it."""
    lines = ["Date,USD,JPY,GBP,ISK,"]
    for back in range(days):
        day = NOW.date() - timedelta(days=back)
        if day.isoweekday() <= 5 and day not in HOLIDAYS:
            lines.append(f"{day},1.1,170.5,{gbp},N/A,")
    return "\n".join(lines).encode()


def zip_of(content: bytes) -> bytes:
    """Compress the file, as the ECB serves it."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("eurofxref-hist.csv", content)
    return into.getvalue()


def test_a_line_becomes_dollars_per_unit_rounded_half_up() -> None:
    """The file gives units per euro; currencies without a rate are left out."""
    rates = {symbol: rate for symbol, _, rate in rates_in(zip_of(ecb_csv(1)))}

    assert {
        "EUR": Decimal("1.1"),
        "JPY": Decimal("0.006451612903225806"),
        "GBP": Decimal("1.294117647058823529"),
    } == rates


@pytest.mark.usefixtures("analyst_url")
def test_a_year_of_bitcoin_in_euros_has_no_gap(
    postgres: PostgresResource, database: str, tmp_path: Path
) -> None:
    """On weekends and holidays, SQL and Python use the rate of the last business day."""
    file = tmp_path / "hist.zip"
    file.write_bytes(zip_of(ecb_csv()))

    was_due = is_due(postgres, NOW)
    first = load_ecb_rates(postgres, str(file), NOW)
    again = load_ecb_rates(postgres, str(file), NOW)
    file.write_bytes(ecb_csv(gbp="0.86"))
    corrected = load_ecb_rates(postgres, str(file), NOW)

    assert (True, 0) == (was_due, again)
    assert first == 3 * corrected, "only the rates that changed are written"
    hours = 365 * 24 + 1
    with psycopg.connect(database) as connection:
        connection.execute(_YEAR_OF_BITCOIN)
        found = connection.execute(
            "SELECT count(*), count(warehouse.price_in(price_usd, 'EUR', observed_at)) "
            "FROM warehouse.coin_price_history"
        ).fetchone()
    assert (hours, hours) == found
    prices = ca.history("bitcoin", currency="eur").arrow()["price_eur"]
    assert (hours, 0) == (len(prices), prices.null_count)
    assert Decimal("81818.181818181818181818") == prices[0].as_py()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW, False),
        (NOW + timedelta(days=2), False),
        (NOW + timedelta(days=3, hours=-3), False),
        (NOW + timedelta(days=3), True),
    ],
    ids=["that evening", "Sunday", "Monday before the rates are out", "Monday evening"],
)
def test_the_file_is_due_when_newer_rates_should_be_published(
    postgres: PostgresResource, tmp_path: Path, now: datetime, *, expected: bool
) -> None:
    """`run` may be called every five minutes, but must not read the file each time."""
    file = tmp_path / "hist.csv"
    file.write_bytes(ecb_csv(3))
    load_ecb_rates(postgres, str(file), NOW)

    assert expected == is_due(postgres, now)


def test_a_file_without_rates_is_refused_and_a_missing_file_may_be_retried(
    postgres: PostgresResource, tmp_path: Path
) -> None:
    """The setting may name the wrong page, or a file that cannot be read at the moment."""
    page = tmp_path / "page.html"
    page.write_text("<html>\n<p>no rates</p>")

    with pytest.raises(SettingsError, match="not the ECB's"):
        load_ecb_rates(postgres, str(page), NOW)
    with pytest.raises(SourceUnavailableError, match="later retry"):
        load_ecb_rates(postgres, str(tmp_path / "missing"), NOW)


def test_dagster_reads_the_file_once_a_day(
    postgres: PostgresResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users of Dagster and Airflow never call `run`, so a Dagster asset also reads the file.

    If the file is missing, the Dagster run fails.
    """
    file = tmp_path / "hist.csv"

    unset = materialized(postgres)
    monkeypatch.setenv("CRYPTOASSETS_ECB_RATES", str(file))
    with pytest.raises(dg.Failure, match="CRYPTOASSETS_ECB_RATES cannot be read"):
        materialized(postgres)
    # The asset uses the real clock.
    file.write_text(f"Date,USD,JPY,\n{datetime.now(UTC):%Y-%m-%d},1.1,170.5,")
    read, again = materialized(postgres), materialized(postgres)

    assert {"skipped": "CRYPTOASSETS_ECB_RATES is not set"} == unset
    assert {"rates new or changed": 2} == read
    assert {"skipped": "the rates are up to date"} == again


def materialized(postgres: PostgresResource) -> dict[str, object]:
    """Materialize the asset as Dagster does; return its metadata."""
    resources = {"postgres": postgres, "postgres_io_manager": dg.mem_io_manager}
    result = dg.materialize([ecb_rates], resources=resources)
    (event,) = result.asset_materializations_for_node("warehouse__ecb_rates")
    return {label: one.value for label, one in event.metadata.items()}
