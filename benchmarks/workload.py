"""Generates raw documents from a seed, so that they are the same on every machine.

What goes here: the coins, snapshots and broken values of a workload. What stays out: storing them
(in `loading`).
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptoassets.coincap.documents import document_id
from cryptoassets.coincap.protocol import iso_milliseconds

Document = dict[str, Any]

SECOND_RESPONSES = 1 / 99
"""Share of the prices for which a second response arrives 1.5 s later and supersedes the first.

Second responses are 1 % of all documents.
"""
BROKEN = 0.015
"""Share of the documents that break a rule."""
EIGHT_FAULTS: tuple[tuple[str, Any], ...] = (
    ("priceUsd", None),
    ("priceUsd", "n/a"),
    ("priceUsd", "0.1234567890123456789"),
    ("priceUsd", -1.0),
    ("rank", None),
    ("symbol", ""),
    ("supply", "-1"),
    ("volumeUsd24Hr", "1" * 25),
)
"""Field and value of each kind of fault."""

_RESPONSE_TIME = timedelta(milliseconds=640)
_SECOND_RESPONSE_AFTER = timedelta(milliseconds=1500)


@dataclass(frozen=True)
class Workload:
    """Consecutive hours with a fixed number of snapshots and coins.

    Attributes:
        name: name, which is also the seed.
        start: start of the first hour, UTC.
        hours: number of consecutive hours.
        coins: number of coins per snapshot.
        snapshots: number of snapshots per hour, at equal intervals.
    """

    name: str
    start: datetime
    hours: int
    coins: int
    snapshots: int

    @property
    def end(self) -> datetime:
        """The end of the last hour, exclusive."""
        return self.start + timedelta(hours=self.hours)

    @property
    def second_responses_per_hour(self) -> int:
        """Number of prices per hour for which there are two responses."""
        return round(self.coins * self.snapshots * SECOND_RESPONSES)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return self.hours * (self.coins * self.snapshots + self.second_responses_per_hour)

    def scaled(self, share: float) -> "Workload":
        """Return a smaller workload for trials: fewer snapshots and coins in the same hours."""
        if share == 1:
            return self
        side = math.sqrt(share)
        return replace(
            self,
            coins=max(10, round(self.coins * side)),
            snapshots=max(2, round(self.snapshots * side)),
        )


WORKLOADS = {
    one.name: one
    for one in (
        Workload("200k", datetime(2026, 2, 1, 10, tzinfo=UTC), 1, 2000, 99),
        Workload("1m_hour", datetime(2026, 7, 1, 10, tzinfo=UTC), 1, 2000, 495),
        Workload("1m", datetime(2026, 3, 1, tzinfo=UTC), 24, 100, 413),
        Workload("2m", datetime(2026, 5, 1, tzinfo=UTC), 48, 100, 413),
        Workload("5m", datetime(2026, 4, 1, tzinfo=UTC), 120, 100, 413),
        # Typical use: 100 coins once per minute.
        Workload("minutes", datetime(2026, 6, 10, tzinfo=UTC), 8, 100, 60),
    )
}


@dataclass(frozen=True)
class Coin:
    """The constant properties of a coin."""

    slug: str
    rank: int
    supply: float
    is_limited: bool

    def payload(self, price: float, chance: random.Random) -> Document:
        """Return the coin as CoinCap would send it at this price; `chance` varies other fields."""
        cap = price * self.supply
        return {
            "id": self.slug,
            "rank": str(self.rank),
            "symbol": f"C{self.rank:04d}",
            "name": f"Coin {self.rank}",
            "supply": f"{self.supply:.18f}",
            "maxSupply": f"{self.supply * 1.5:.18f}" if self.is_limited else None,
            "marketCapUsd": f"{cap:.18f}",
            "volumeUsd24Hr": f"{cap * chance.random() * 0.1:.18f}",
            "priceUsd": f"{price:.18f}",
            # CoinCap sends these two numbers in JavaScript's format for doubles.
            "changePercent24Hr": repr(chance.gauss(0, 3)),
            "vwap24Hr": repr(price * (1 + chance.gauss(0, 0.01))),
            "explorer": f"https://explorer.example/{self.slug}",
            "tokens": {"1": [f"0x{self.rank * 7919:040x}"]} if self.rank % 4 == 0 else {},
        }


@dataclass(frozen=True)
class Snapshot:
    """What one fetch stores in the data lake: a record of the fetch, and a document per coin."""

    fetch: Document
    documents: list[Document]


def snapshots(workload: Workload) -> Iterator[Snapshot]:
    """Generate the snapshots of a workload, oldest first."""
    chance = random.Random(workload.name)  # noqa: S311 - must be the same everywhere
    coins = [
        Coin(f"coin-{rank:04d}", rank, 1e6 * (1 + chance.random() * 1000), chance.random() < 0.5)  # noqa: PLR2004
        for rank in range(1, workload.coins + 1)
    ]
    prices = [80_000 * 0.993**coin.rank for coin in coins]
    step = timedelta(hours=1) / workload.snapshots
    prices_per_hour = range(workload.coins * workload.snapshots)
    for hour in range(workload.hours):
        answered_twice = set(chance.sample(prices_per_hour, workload.second_responses_per_hour))
        for number in range(workload.snapshots):
            observed_at = _whole_milliseconds(
                workload.start + timedelta(hours=hour) + step * number
            )
            documents: list[Document] = []
            for index, coin in enumerate(coins):
                prices[index] *= 1 + chance.gauss(0, 2e-4)
                fetched_at = observed_at + _RESPONSE_TIME
                payload = _maybe_broken(coin.payload(prices[index], chance), chance)
                documents.append(document(coin.slug, observed_at, fetched_at, payload))
                if number * workload.coins + index in answered_twice:
                    payload = coin.payload(prices[index] * (1 + 1e-5), chance)
                    payload = _maybe_broken(payload, chance)
                    fetched_at += _SECOND_RESPONSE_AFTER
                    documents.append(document(coin.slug, observed_at, fetched_at, payload))
            yield Snapshot(fetch(observed_at, workload.coins), documents)


def document(slug: str, observed_at: datetime, fetched_at: datetime, payload: Document) -> Document:
    """Return a coin's document as in `coin_snapshots`; the times must be whole milliseconds."""
    return {
        "_id": document_id(slug, observed_at=observed_at, payload=payload),
        "coin_id": slug,
        "observed_at": observed_at,
        "fetched_at": fetched_at,
        "source": "simulator",
        "payload": payload,
    }


def fetch(observed_at: datetime, coins: int) -> Document:
    """Return the record in `snapshot_fetches` for a response with all requested coins."""
    return {
        "_id": f"{iso_milliseconds(observed_at)}@0",
        "observed_at": observed_at,
        "fetched_at": observed_at + _RESPONSE_TIME,
        "source": "simulator",
        "offset": 0,
        "coins_asked": coins,
        "coins_received": coins,
        "is_repeated": False,
    }


def _maybe_broken(payload: Document, chance: random.Random) -> Document:
    if chance.random() < BROKEN:
        field, value = chance.choice(EIGHT_FAULTS)
        payload[field] = value
    return payload


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
