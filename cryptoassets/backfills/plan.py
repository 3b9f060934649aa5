"""Chooses what to request: the coins, and the spans of their history that were not answered yet.

What goes here: this choice, from the call records, the newest snapshot and the gaps. What stays
out: splitting spans into windows (in `windows`), making the calls (in `fetch`).
"""

from datetime import datetime, timedelta
from typing import Any

import pymongo

from cryptoassets.backfills.book import answered, coins_without_history, requested_coins
from cryptoassets.backfills.gaps import gaps_to_request
from cryptoassets.backfills.request import HistoryRequest
from cryptoassets.backfills.windows import CHEAP_POINTS, on_grid, step_of
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.partitions.spans import Span, joined, uncovered
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import RAW_COIN_SNAPSHOTS
from cryptoassets.stores.mongodb import Lake, oldest_or_newest_time

_ONE_SNAPSHOT = timedelta(minutes=2)
"""Pages this close together belong to one snapshot: their timestamps differ by seconds."""


def spans_to_request(
    lake: Lake, postgres: PostgresResource, interval: str, request: HistoryRequest, until: datetime
) -> dict[str, list[Span]]:
    """Return the spans to request, by coin; all of them begin before the request's end.

    Args:
        lake: contains the records of calls.
        postgres: contains the gaps.
        interval: interval of the points.
        request: a run's request; must contain coins unless it is only for gaps.
        until: end of the time range in which points can exist.
    """
    # A span between two points of the grid contains no point to request.
    bounds = Span(on_grid(request.start, interval), on_grid(until, interval))
    responses = answered(lake, interval, bounds)
    lost = coins_without_history(lake)
    if request.gaps_only:
        near = CHEAP_POINTS * step_of(interval)
        with postgres.connect() as connection:
            gaps = gaps_to_request(connection, interval, bounds, responses)
        missing = {coin: joined(spans, nearer_than=near) for coin, spans in gaps.items()}
    else:
        missing = {
            coin: uncovered(bounds, [window for window, _ in responses.get(coin, ())])
            for coin in request.coins or ()
        }
    return {
        coin: left
        for coin, spans in missing.items()
        if coin not in lost and (left := [span for span in spans if span.start < request.end])
    }


def followed_coins(lake: Lake, count: int, client: CoinCapClient | None = None) -> tuple[str, ...]:
    """Return the top coins of the newest snapshot.

    If there is no snapshot, the client fetches the coins from the source. If there is no client
    either, the result is the coins of earlier requests.
    """
    coins = coins_of_newest_snapshot(lake, count)
    if coins:
        return tuple(coins)
    if client is not None:
        documents = raw_batch(client.snapshot(count)).documents
        return tuple(document["coin_id"] for document in documents)
    return requested_coins(lake)


def coins_of_newest_snapshot(lake: Lake, count: int) -> list[str]:
    """Return the top coins of the newest snapshot, by rank; empty if there is no snapshot."""
    snapshots = lake[RAW_COIN_SNAPSHOTS.name]
    moment = oldest_or_newest_time(snapshots, {}, pymongo.DESCENDING)
    if moment is None:
        return []
    of_newest = {"observed_at": {"$gt": moment - _ONE_SNAPSHOT, "$lte": moment}}
    ranks: dict[str, int] = {}
    for document in snapshots.find(of_newest).sort("observed_at", 1):
        coin, rank = document.get("coin_id"), _rank(document.get("payload"))
        if isinstance(coin, str) and rank is not None:
            ranks[coin] = rank
    return sorted(ranks, key=lambda coin: (ranks[coin], coin))[:count]


def _rank(payload: Any) -> int | None:
    text = payload.get("rank") if isinstance(payload, dict) else None
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None
