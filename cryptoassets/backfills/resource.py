"""The Dagster resource that fetches missing history with the current settings.

What goes here: settings and connections. What stays out: finding out what is missing (in `plan`),
the calls (in `fetch`), storing (in `io_managers.mongo`).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.backfills.book import control_window
from cryptoassets.backfills.fetch import HistoryFetch
from cryptoassets.backfills.plan import followed_coins, spans_to_request
from cryptoassets.backfills.request import HistoryRequest
from cryptoassets.backfills.windows import closed_until, on_grid
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch, RawStream
from cryptoassets.coincap.models import RetryPolicy, Timeouts
from cryptoassets.embedded import Stack
from cryptoassets.facts import Fact
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import typed_errors

BACKFILL_TIMEOUTS = Timeouts(total_seconds=300.0)
"""Longer than usual: rate limiting (429) may last minutes, and a backfill is not urgent."""
BACKFILL_RETRIES = RetryPolicy(attempts=6, attempts_when_limited=18)
"""Status 429 is retried often, because requests for the next coin would get it, too."""


class HistoryResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fetches missing history from CoinCap, the simulator or a replay."""

    mongo: dg.ResourceDependency[MongoResource]
    postgres: dg.ResourceDependency[PostgresResource]

    @property
    def interval(self) -> str:
        """The configured interval."""
        return load_settings().coincap_history_interval

    def fetch(self, request: HistoryRequest) -> RawStream:
        """Fetch the parts of a request that have not been answered yet (see `plan`).

        The calls are made while the stream is iterated.

        Raises:
            SourceError, StoreError: when called or while the stream is iterated.
        """
        settings, interval, now = load_settings(), self.interval, datetime.now(UTC)
        closed = closed_until(now, interval)
        until = on_grid(min(request.until or request.end, closed), interval)
        if until <= request.start:
            reason = (
                f"no {interval} point of the requested time is available yet; the newest available "
                f"point is before {closed:%H:%M} UTC"
            )
            return RawStream(iter(()), {Fact.SKIPPED: reason})
        client = self.client()
        with typed_errors(self.mongo.address):
            wanted = self.wanted(request, until, client)
            control = control_window(self.mongo.lake(), interval, wanted)
        fetch = HistoryFetch(
            client, interval, Stack(settings).source, wanted, min(request.end, until), control
        )
        return RawStream(_closing_client(fetch), fetch.facts)

    def wanted(
        self, request: HistoryRequest, until: datetime, client: CoinCapClient | None = None
    ) -> dict[str, list[Span]]:
        """Return the spans to request, by coin; they begin before the request's end.

        Args:
            request: a run's request.
            until: end of the time range in which points can exist.
            client: used to fetch the list of coins if the data lake contains none.
        """
        if not (request.gaps_only or request.coins):
            request = replace(request, coins=self.coins(client))
        return spans_to_request(self.mongo.lake(), self.postgres, self.interval, request, until)

    def coins(self, client: CoinCapClient | None = None) -> tuple[str, ...]:
        """Return the top `COINCAP_COINS` coins (see `plan.followed_coins`)."""
        return followed_coins(self.mongo.lake(), load_settings().coincap_coins, client)

    def client(self) -> CoinCapClient:
        """Return a client with long timeouts and history's share of the credits."""
        settings = load_settings()
        key = settings.coincap_api_key
        keeper = PostgresCreditKeeper(
            self.postgres.connect, settings.coincap_monthly_credits, "history"
        )
        return CoinCapClient(
            Stack(settings).source_url(),
            api_key=key.get_secret_value() if key else None,
            credits=keeper,
            timeouts=BACKFILL_TIMEOUTS,
            retries=BACKFILL_RETRIES,
        )


def _closing_client(fetch: HistoryFetch) -> Iterator[RawBatch]:
    with fetch.client:
        yield from fetch
