"""Ordinary documents and rows to store; each test changes some of their values.

What goes here: values in the form in which assets pass them to IO managers. What stays out: stores.
"""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cryptoassets.coincap.documents import RawBatch, document_id
from cryptoassets.schemas import CLEAN_COIN_PRICES, COIN_DAILY, COINS
from cryptoassets.schemas.arrow import arrow_schema

HOUR = "2026-10-31-23:00"
NEXT_HOUR = "2026-11-01-00:00"
"""The next hour is in another month, and therefore in another partition of `coin_prices`."""
INJECTION = "'); DROP TABLE warehouse.coin_prices; --"
Row = dict[str, Any]


def start_of(partition: str) -> datetime:
    """The first instant of an hourly or daily partition."""
    form = "%Y-%m-%d-%H:%M" if ":" in partition else "%Y-%m-%d"
    return datetime.strptime(partition, form).replace(tzinfo=UTC)


def coin(number: int) -> str:
    """The slug of a numbered coin."""
    return f"coin-{number}"


def document(coin_id: str = "bitcoin", partition: str = HOUR, **changes: Any) -> Row:
    """A raw document at a partition's first instant; the argument `payload` adds fields."""
    payload = {"id": coin_id, "rank": "1", "symbol": "BTC", "name": "Bitcoin", "priceUsd": "1.5"}
    payload |= changes.pop("payload", {})
    observed_at = changes.pop("observed_at", start_of(partition))
    return {
        "_id": document_id(coin_id, observed_at=observed_at, payload=payload),
        "coin_id": coin_id,
        "observed_at": observed_at,
        "fetched_at": observed_at + timedelta(seconds=1),
        "source": "simulator",
        "payload": payload,
    } | changes


def batch(*documents: Row, **changes: Any) -> RawBatch:
    """The batch that one fetch passes to the lake."""
    return RawBatch(documents=documents, **changes)


def judged_row(coin_id: str = "bitcoin", partition: str = HOUR, **changes: Any) -> Row:
    """A valid row of `clean/coin_prices` at a partition's first instant."""
    observed_at = changes.get("observed_at", start_of(partition))
    return {
        "raw_id": f"{coin_id}@{observed_at.isoformat()}",
        "coin_id": coin_id,
        "observed_at": observed_at,
        "fetched_at": observed_at + timedelta(seconds=1),
        "source": "simulator",
        "symbol": "BTC",
        "name": "Bitcoin",
        "rank": 1,
        "price_usd": Decimal("1.5"),
        "payload": json.dumps({"id": coin_id}),
        "reasons": [],
        "outcome": "valid",
    } | changes


def broken_row(coin_id: str = "broken", partition: str = HOUR, **changes: Any) -> Row:
    """A quarantined row of `clean/coin_prices`."""
    reasons = ["price_usd_missing"]
    fault = {"outcome": "quarantined", "reasons": reasons, "price_usd": None}
    return judged_row(coin_id, partition, **(fault | changes))


def judged(*rows: Row) -> pa.Table:
    """Rows of `clean/coin_prices` as an Arrow table."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(CLEAN_COIN_PRICES))


def judged_coins(partition: str, numbers: Iterable[int], **changes: Any) -> pa.Table:
    """Valid rows of numbered coins."""
    return judged(*(judged_row(coin(number), partition, **changes) for number in numbers))


def seen_coin(coin_id: str, seen_at: datetime, **changes: Any) -> pa.Table:
    """One row for `warehouse/coins`."""
    row = {"coin_id": coin_id, "symbol": "BTC", "name": "Bitcoin", "rank": 1}
    row |= {"first_seen_at": seen_at, "last_seen_at": seen_at} | changes
    return pa.Table.from_pylist([row], schema=arrow_schema(COINS))


def daily_coins(partition: str, numbers: Iterable[int], **changes: Any) -> pa.Table:
    """Rows of `marts/coin_daily` of numbered coins."""
    prices = dict.fromkeys(("open", "high", "low", "close"), Decimal("1.5"))
    facts = {"day": date.fromisoformat(partition), "observations": 1, "drawdown_pct": Decimal(0)}
    rows = [{"coin_id": coin(number)} | prices | facts | changes for number in numbers]
    return pa.Table.from_pylist(rows, schema=arrow_schema(COIN_DAILY))
