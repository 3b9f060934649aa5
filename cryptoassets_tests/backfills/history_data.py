"""Inserts history into the stores without running jobs: points, call records, ledger rows.

What goes here: inserting test data. What stays out: the expected results (in the tests).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from cryptoassets.stores.mongodb import WINDOWS, Lake

T0 = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = 48.5
"""When tests detect gaps, in hours after T0; the newest expected point is at hour 48."""
ALL_HOURS = range(49)
LEDGER = "warehouse/coin_price_history"


def at(hour: float) -> datetime:
    """Return the time this many hours after T0."""
    return T0 + hour * HOUR


def without_hours(*missing: int) -> list[int]:
    """Return all hours except the missing ones."""
    return [hour for hour in ALL_HOURS if hour not in missing]


@dataclass
class HistoryData:
    """Inserts and reads the history of a test."""

    url: str
    lake: Lake

    def insert_points(self, coin: str, hours: Iterable[int]) -> None:
        """Insert published points of the interval h1."""
        rows = [(coin, at(hour), T0, f"{coin}@{hour}") for hour in hours]
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO warehouse.coin_price_history VALUES "
                "(%s, 'h1', %s, 1, NULL, 'simulator', %s, %s)",
                rows,
            )

    def delete_points(self, coin: str, hours: Iterable[int]) -> None:
        """Delete published points."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "DELETE FROM warehouse.coin_price_history WHERE coin_id = %s "
                "AND observed_at = ANY(%s)",
                [coin, [at(hour) for hour in hours]],
            )

    def insert_coin(self, coin: str, hour: int) -> None:
        """Insert a coin whose first snapshot is at this hour."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "INSERT INTO warehouse.coins VALUES (%s, 'X', 'X', 1, NULL, NULL, %s, %s)",
                [coin, at(hour), at(hour)],
            )

    def insert_window(
        self, coin: str, start: int, end: int, outcome: str, **overrides: Any
    ) -> None:
        """Insert a call record; `overrides` replace its fields, e.g. `fetched_at` (default: T0)."""
        record = {
            "coin_id": coin,
            "interval": "h1",
            "start": at(start),
            "end": at(end),
            "fetched_at": T0,
            "outcome": outcome,
            "first": at(start) if outcome == "points" else None,
            "error": "why" if outcome == "failed" else None,
        } | overrides
        self.lake[WINDOWS].insert_one(record)

    def insert_raw(self, coin: str, hours: Iterable[int]) -> None:
        """Insert raw documents."""
        documents = [
            {"_id": f"{coin}@{hour}", "coin_id": coin, "observed_at": at(hour)} for hour in hours
        ]
        self.lake["coin_history"].insert_many(documents)

    def insert_ledger_row(self, day: int, raw_rows: int, *, expired: bool = False) -> None:
        """Insert a day's row into the ledger, `warehouse.loads`.

        Args:
            day: number of days after T0.
            raw_rows: number of documents that were read and loaded.
            expired: whether retention has deleted the day's partition.
        """
        key = (T0 + timedelta(days=day)).strftime("%Y-%m-%d")
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "INSERT INTO warehouse.loads VALUES (%s, %s, 'run', %s, %s, 0, 0, now(), %s)",
                [LEDGER, key, raw_rows, raw_rows, T0 if expired else None],
            )

    def read_gaps(self) -> list[tuple[Any, ...]]:
        """Return the rows of warehouse.gaps: coin, start and end in hours after T0, and state."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT coin_id, gap_start, gap_end, healed_at IS NOT NULL, unfillable "
                "FROM warehouse.gaps ORDER BY coin_id, gap_start"
            ).fetchall()
        return [
            (coin, (start - T0) // HOUR, (end - T0) // HOUR, _state(healed, unfillable))
            for coin, start, end, healed, unfillable in rows
        ]


def _state(healed: bool, unfillable: bool) -> str:  # noqa: FBT001 - columns of a row
    if healed:
        return "healed"
    return "unfillable" if unfillable else "open"
