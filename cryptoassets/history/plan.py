"""What to request: the coins, and the spans of their history that no answer covers yet.

What goes here: choosing them from the records of calls, the newest snapshot and the gaps. What
stays out: splitting spans into windows (in `windows`), making the calls (in `fetch`).
"""

from datetime import datetime, timedelta
from typing import Any

import pymongo

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.history.book import answered, coins_asked_for, coins_without_history
from cryptoassets.history.gaps import unanswered_gaps
from cryptoassets.history.request import HistoryRequest
from cryptoassets.history.windows import CHEAP_POINTS, on_grid, step_of
from cryptoassets.partitions.spans import Span, joined, without
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import RAW_COIN_SNAPSHOTS
from cryptoassets.stores.mongodb import Lake, end_of_times

_ONE_SNAPSHOT = timedelta(minutes=2)
"""The timestamps of a fetch's pages differ by seconds."""


def missing_spans(
    lake: Lake, postgres: PostgresResource, interval: str, request: HistoryRequest, until: datetime
) -> dict[str, list[Span]]:
    """Return the spans to request, by coin; they begin before the request's end.

    Args:
        lake: contains the records of calls.
        postgres: contains the gaps.
        interval: interval of the points.
        request: a run's request; it names its coins unless it is only for gaps.
        until: end of what can be requested.
    """
    # Between two points of the grid there is nothing to request.
    bounds = Span(on_grid(request.start, interval), on_grid(until, interval))
    answers = answered(lake, interval, bounds)
    lost = coins_without_history(lake)
    if request.gaps_only:
        near = CHEAP_POINTS * step_of(interval)
        with postgres.connect() as connection:
            gaps = unanswered_gaps(connection, interval, bounds, answers)
        missing = {coin: joined(spans, nearer_than=near) for coin, spans in gaps.items()}
    else:
        missing = {
            coin: without(bounds, [window for window, _ in answers.get(coin, ())])
            for coin in request.coins or ()
        }
    return {
        coin: left
        for coin, spans in missing.items()
        if coin not in lost and (left := [span for span in spans if span.start < request.end])
    }


def followed_coins(lake: Lake, count: int, client: CoinCapClient | None = None) -> tuple[str, ...]:
    """Return the top coins of the newest snapshot.

    Without a snapshot, the coins come from the source if there is a client; otherwise they are the
    coins that were requested earlier.
    """
    coins = coins_of_newest_snapshot(lake, count)
    if coins:
        return tuple(coins)
    if client is not None:
        documents = raw_batch(client.snapshot(count)).documents
        return tuple(document["coin_id"] for document in documents)
    return coins_asked_for(lake)


def coins_of_newest_snapshot(lake: Lake, count: int) -> list[str]:
    """Return the top coins of the newest snapshot, by rank; none if there is no snapshot."""
    snapshots = lake[RAW_COIN_SNAPSHOTS.name]
    moment = end_of_times(snapshots, {}, pymongo.DESCENDING)
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
