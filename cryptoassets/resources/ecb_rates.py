"""The ECB's daily reference rates: reads the history file and merges it into PostgreSQL.

What goes here: reading the file from a URL or a path, and deciding when new rates are due. What
stays out: current rates (the flow `rates`), choosing the rate that converts a price (SQL, in
`migrations`).

The file is not stored in the data lake, because it can be downloaded again at any time.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from pathlib import Path

import requests

from cryptoassets.errors import SettingsError, SourceUnavailableError
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.stores.postgres_errors import typed_errors

_SECONDS = 30
_PUBLISHED_AT = timedelta(hours=15, minutes=30)
"""UTC time of day by which the rates of a business day are published."""
_PLACE = Decimal("1e-18")
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_MERGE = """
    INSERT INTO warehouse.ecb_rates SELECT * FROM read_rates
    ON CONFLICT (symbol, day) DO UPDATE
    SET usd_per_unit = excluded.usd_per_unit, fetched_at = excluded.fetched_at
    WHERE ecb_rates.usd_per_unit <> excluded.usd_per_unit
"""

Rate = tuple[str, date, Decimal]
"""Symbol, day, US dollars per unit."""


def refresh_ecb_rates(postgres: PostgresResource, place: str | None, now: datetime) -> int | None:
    """Merge the history file if it should contain newer rates than PostgreSQL by now.

    Args:
        postgres: the warehouse.
        place: value of CRYPTOASSETS_ECB_RATES.
        now: the current time.

    Returns:
        Number of new or changed rates; None if no new rates are due, or if no file is set.

    Raises:
        SourceUnavailableError, SettingsError: see `load_ecb_rates`.
    """
    if not place or not is_due(postgres, now):
        return None
    return load_ecb_rates(postgres, place, now)


def is_due(postgres: PostgresResource, now: datetime) -> bool:
    """Return whether rates newer than the stored ones should have been published by now."""
    day = (now - _PUBLISHED_AT).date()
    day -= timedelta(days=max(0, day.isoweekday() - 5))
    with postgres.connect() as connection:
        row = connection.execute("SELECT max(day) FROM warehouse.ecb_rates").fetchone()
    return row is None or row[0] is None or row[0] < day


def load_ecb_rates(postgres: PostgresResource, place: str, now: datetime) -> int:
    """Merge a history file into `warehouse.ecb_rates`; return the number of new or changed rates.

    Args:
        postgres: the warehouse.
        place: URL or path of the ECB's file `eurofxref-hist`, as zip or csv.
        now: stored as `fetched_at`.

    Raises:
        SourceUnavailableError: the file cannot be read.
        SettingsError: the file does not have the ECB's format.
    """
    rates = list(rates_in(_content(place)))
    with (
        typed_errors("merging the ECB's rates", postgres.address),
        postgres.connect() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TEMP TABLE read_rates (LIKE warehouse.ecb_rates) ON COMMIT DROP")
        with cursor.copy("COPY read_rates FROM STDIN") as copy:
            for symbol, day, rate in rates:
                copy.write_row((symbol, day, rate, "ecb", now))
        return cursor.execute(_MERGE).rowcount


def rates_in(content: bytes) -> Iterator[Rate]:
    """Convert the rates in a history file to US dollars per unit.

    Each line of the file contains one business day's rates, as units of each currency per euro.

    Raises:
        SettingsError: the file does not have the ECB's format.
    """
    try:
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                content = packed.read(packed.namelist()[0])
        for line in csv.DictReader(io.StringIO(content.decode())):
            day, usd_per_euro = date.fromisoformat(line["Date"]), Decimal(line["USD"])
            yield "EUR", day, usd_per_euro
            for symbol, text in line.items():
                if symbol and symbol.strip() not in ("Date", "USD") and text not in ("N/A", ""):
                    rate = _EXACT.divide(usd_per_euro, Decimal(text))
                    yield symbol, day, _EXACT.quantize(rate, _PLACE)
    except (KeyError, ValueError, InvalidOperation, ArithmeticError, zipfile.BadZipFile) as error:
        raise SettingsError(
            f"The file of CRYPTOASSETS_ECB_RATES is not the ECB's eurofxref-hist ({error}). A "
            "retry will not help; fix the setting"
        ) from error


def _content(place: str) -> bytes:
    try:
        if not place.startswith(("http://", "https://")):
            return Path(place).read_bytes()
        response = requests.get(place, timeout=_SECONDS)
        response.raise_for_status()
    except (OSError, requests.RequestException) as error:
        raise SourceUnavailableError(
            f"The file of CRYPTOASSETS_ECB_RATES cannot be read: {error}. A later retry can help; "
            "otherwise fix the setting"
        ) from error
    return response.content
