"""What of history is asked for: whose coins, which stretches, and what was answered before.

What goes here: reading the lake's book of windows and the warehouse's gaps, and a client for what
is missing. What stays out: the arithmetic (in `windows`), the calls (in `fetch`), storing (in
`io_managers.mongo`), finding gaps (in `gaps`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pymongo

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch, RawStream, raw_batch
from cryptoassets.coincap.models import RetryPolicy, Timeouts
from cryptoassets.embedded import Stack
from cryptoassets.history.fetch import ANSWERED, HistoryFetch
from cryptoassets.history.windows import (
    CHEAP_POINTS,
    closed_until,
    on_grid,
    step_of,
)
from cryptoassets.partitions.spans import Span, joined, within, without
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import (
    WINDOWS,
    Document,
    FieldTypes,
    Lake,
    end_of_times,
    typed_errors,
    well_formed,
)

PATIENCE = Timeouts(total_seconds=300.0)
"""A storm of 429 lasts minutes; nobody waits for a backfill's single call."""
TRIES = RetryPolicy(attempts=6, attempts_when_limited=18)
"""429 tells of our pace and not of the coin: the next one would meet it as well."""
_ONE_SNAPSHOT = timedelta(minutes=2)
"""Pages of one fetch are stamped seconds apart."""
_CONTROLS = 200
_WINDOW_FIELDS: FieldTypes = {
    **dict.fromkeys(("coin_id", "interval", "outcome"), (str,)),
    **dict.fromkeys(("start", "end", "fetched_at"), (datetime,)),
    "first": (datetime, type(None)),
    "error": (str, type(None)),
}


@dataclass(frozen=True)
class HistoryRequest:
    """What one run fetches.

    Attributes:
        start: of its first partition, or later.
        end: of its last partition; windows that begin there or later are left to other runs.
        until: windows may reach up to here, so that they stay as long as the source allows.
        coins: slugs; None: the top coins of the newest snapshot.
        gaps_only: only what `warehouse.gaps` lists as open, asked once more whatever was answered.
    """

    start: datetime
    end: datetime
    until: datetime | None = None
    coins: tuple[str, ...] | None = None
    gaps_only: bool = False


Answers = Mapping[str, Sequence[tuple[Span, datetime]]]
"""Coin to the windows that were answered, each with the time of the answer."""


class HistoryResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fetches what is missing of history from CoinCap, the simulator or a replay."""

    mongo: dg.ResourceDependency[MongoResource]
    postgres: dg.ResourceDependency[PostgresResource]

    @property
    def interval(self) -> str:
        """The interval in force."""
        return load_settings().coincap_history_interval

    def fetch(self, request: HistoryRequest) -> RawStream:
        """Fetch what a request asks for and no stored answer covers; nothing is asked twice.

        The calls are made while the stream is drawn.

        Raises:
            SourceError, StoreError: now or while the stream is drawn.
        """
        settings, interval, now = load_settings(), self.interval, datetime.now(UTC)
        closed = closed_until(now, interval)
        until = on_grid(min(request.until or request.end, closed), interval)
        if until <= request.start:
            told = f"no point of {interval} is closed there yet; fetched from {closed:%H:%M} UTC on"
            return RawStream(iter(()), {"skipped": told})
        client = self.client()
        with typed_errors(self.mongo.address):
            wanted = self.wanted(request, until, client)
            control = control_window(self.mongo.lake(), interval, wanted)
        fetch = HistoryFetch(
            client, interval, Stack(settings).source, wanted, min(request.end, until), control
        )
        return RawStream(_drawn(fetch), fetch.facts)

    def wanted(
        self, request: HistoryRequest, until: datetime, client: CoinCapClient | None = None
    ) -> dict[str, list[Span]]:
        """What is to be asked for, by coin; the stretches begin before the request's end.

        Args:
            request: of a run.
            until: end of what can be asked for.
            client: asked for the coins if the lake knows none; None: then there is none.
        """
        lake, interval = self.mongo.lake(), self.interval
        # Between two points there is nothing to ask for.
        bounds = Span(on_grid(request.start, interval), on_grid(until, interval))
        answers = answered(lake, interval, bounds)
        lost = coins_without_history(lake)
        if request.gaps_only:
            missing = self._gaps(bounds, answers)
        else:
            coins = request.coins or self.coins(client)
            missing = {
                coin: without(bounds, [window for window, _ in answers.get(coin, ())])
                for coin in coins
            }
        return {
            coin: left
            for coin, spans in missing.items()
            if coin not in lost and (left := [span for span in spans if span.start < request.end])
        }

    def coins(self, client: CoinCapClient | None = None) -> tuple[str, ...]:
        """The top `COINCAP_COINS` of the newest snapshot.

        Without a snapshot the source is asked, if there is a client; else it is the coins that
        were asked for before.
        """
        count, lake = load_settings().coincap_coins, self.mongo.lake()
        coins = coins_of_newest_snapshot(lake, count)
        if coins:
            return tuple(coins)
        if client is not None:
            documents = raw_batch(client.snapshot(count)).documents
            return tuple(document["coin_id"] for document in documents)
        return tuple(sorted({window["coin_id"] for window in window_records(lake, {})}))

    def client(self) -> CoinCapClient:
        """A patient client for the settings in force, metered as history is."""
        settings = load_settings()
        key = settings.coincap_api_key
        keeper = PostgresCreditKeeper(
            self.postgres.connect, settings.coincap_monthly_credits, "history"
        )
        return CoinCapClient(
            Stack(settings).source_url(),
            api_key=key.get_secret_value() if key else None,
            credits=keeper,
            timeouts=PATIENCE,
            retries=TRIES,
        )

    def _gaps(self, bounds: Span, answers: Answers) -> dict[str, list[Span]]:
        """Open gaps within bounds that no answer since their detection covers."""
        with self.postgres.connect() as connection:
            rows = connection.execute(
                "SELECT coin_id, gap_start, gap_end, detected_at FROM warehouse.gaps "
                "WHERE interval = %s AND healed_at IS NULL AND NOT unfillable "
                "AND gap_start < %s AND gap_end > %s ORDER BY coin_id, gap_start",
                [self.interval, bounds[1], bounds[0]],
            ).fetchall()
        missing: dict[str, list[Span]] = defaultdict(list)
        for coin, start, end, detected_at in rows:
            since = [window for window, at in answers.get(coin, ()) if at > detected_at]
            missing[coin] += within(without(Span(start, end), since), bounds)
        near = CHEAP_POINTS * step_of(self.interval)
        return {coin: joined(spans, nearer_than=near) for coin, spans in missing.items()}


def _drawn(fetch: HistoryFetch) -> Iterator[RawBatch]:
    with fetch.client:
        yield from fetch


def window_records(lake: Lake, query: Mapping[str, Any]) -> Iterator[Document]:
    """Records of windows that match; what another program wrote is passed over."""
    return well_formed(lake[WINDOWS].find(query), _WINDOW_FIELDS)


def answered(lake: Lake, interval: str, bounds: Span) -> Answers:
    """The answered windows that touch a span, by coin."""
    answers: dict[str, list[tuple[Span, datetime]]] = defaultdict(list)
    touching = {"end": {"$gt": bounds.start}, "start": {"$lt": bounds.end}}
    for window in window_records(lake, touching):
        if window["interval"] == interval and window["outcome"] in ANSWERED:
            asked = Span(window["start"], window["end"])
            answers[window["coin_id"]].append((asked, window["fetched_at"]))
    return answers


def failures(lake: Lake, interval: str, bounds: Span) -> dict[str, str]:
    """Why windows that touch a span have no answer, by coin; the latest failure counts."""
    touching = {"end": {"$gt": bounds.start}, "start": {"$lt": bounds.end}}
    failed = [
        window
        for window in window_records(lake, touching)
        if window["interval"] == interval and window["outcome"] == "failed"
    ]
    failed.sort(key=lambda window: window["fetched_at"])
    return {window["coin_id"]: window["error"] for window in failed}


def coins_without_history(lake: Lake) -> set[str]:
    """Coins that the source said it does not have; they are not asked for again."""
    return {window["coin_id"] for window in window_records(lake, {"outcome": "not_found"})}


def coins_of_newest_snapshot(lake: Lake, count: int) -> list[str]:
    """The top coins of the newest snapshot in the lake, by rank; none if there is no snapshot."""
    snapshots = lake["coin_snapshots"]
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


def control_window(
    lake: Lake, interval: str, wanted: Mapping[str, Sequence[Span]]
) -> tuple[str, Span] | None:
    """A window known to have points, of a coin that is not asked for if there is one."""
    known = lake[WINDOWS].find({"outcome": "points"}).sort("end", -1).limit(_CONTROLS)
    some = [
        window for window in well_formed(known, _WINDOW_FIELDS) if window["interval"] == interval
    ]
    others = [window for window in some if window["coin_id"] not in wanted]
    for window in (*others, *some):
        return window["coin_id"], Span(window["start"], window["end"])
    return None
