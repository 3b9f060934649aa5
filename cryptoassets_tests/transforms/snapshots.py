"""Builds ordinary raw rows as input for kernels, the functions that judge documents.

What goes here: building rows and tables; tests change some of the values. What stays out: the
expected results.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.schemas import RAW_COIN_SNAPSHOTS, RawTable
from cryptoassets.transforms.payloads import field_texts, kernel_schema

NO_TIME_LIMIT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Hypothesis settings that also work on a busy machine."""

START = datetime(2026, 10, 31, 23, tzinfo=UTC)
Row = dict[str, Any]

GOOD_COIN = {
    "rank": "1",
    "symbol": "BTC",
    "name": "Bitcoin",
    "supply": "10.0",
    "maxSupply": "21.0",
    "marketCapUsd": "15.0",
    "volumeUsd24Hr": "3.0",
    "priceUsd": "1.5",
    "changePercent24Hr": "-0.5",
    "vwap24Hr": "1.4",
    "explorer": "https://blockchain.info/",
}


class _Marker(Enum):
    """A value that no payload contains; an enum, so that test ids are the same in every process."""

    ABSENT = "absent"


ABSENT = _Marker.ABSENT
"""Marks a field that is missing in a coin's payload."""


def instant(number: int) -> datetime:
    """Return the `observed_at` of the snapshot with this number."""
    return START + timedelta(milliseconds=number)


def raw_row(coin_id: str, snapshot: int, /, **changes: Any) -> Row:
    """Return a good raw row; `coin` changes fields of its payload."""
    coin = {"id": coin_id} | GOOD_COIN | changes.pop("coin", {})
    present = {name: value for name, value in coin.items() if value is not ABSENT}
    return {
        "raw_id": f"{coin_id}@{snapshot}",
        "coin_id": coin_id,
        "observed_at": instant(snapshot),
        "fetched_at": instant(snapshot) + timedelta(seconds=1),
        "source": "simulator",
        "payload": canonical_payload(present),
        "coins_asked": 1,
        "is_repeated": False,
        "is_foreign": False,
    } | changes


def raw_table(rows: Iterable[Row], table: RawTable = RAW_COIN_SNAPSHOTS) -> pa.Table:
    """Convert rows to a kernel's input, which also has the payload fields as strings."""
    fields = table.payload_fields

    def with_texts(row: Row) -> Row:
        payload = json.loads(row["payload"]) if row["payload"] else {}
        texts = field_texts(payload, fields)
        return row | {f"payload.{f}": text for f, text in zip(fields, texts, strict=True)}

    return pa.Table.from_pylist([*map(with_texts, rows)], schema=kernel_schema(table))
