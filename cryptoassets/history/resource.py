"""History as a resource: fetches missing history with the current settings.

What goes here: settings and connections. What stays out: what is missing (in `plan`), the calls (in
`fetch`), storing (in `io_managers.mongo`).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch, RawStream
from cryptoassets.coincap.models import RetryPolicy, Timeouts
from cryptoassets.embedded import Stack
from cryptoassets.history.book import control_window
from cryptoassets.history.fetch import HistoryFetch
from cryptoassets.history.plan import followed_coins, missing_spans
from cryptoassets.history.request import HistoryRequest
from cryptoassets.history.windows import closed_until, on_grid
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import typed_errors

PATIENCE = Timeouts(total_seconds=300.0)
"""Rate limiting (429) may last minutes, and a single call of a backfill is not urgent."""
TRIES = RetryPolicy(attempts=6, attempts_when_limited=18)
"""Status 429 depends on our pace and not on the coin, so the next coin would also get it."""


class HistoryResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fetches missing history from CoinCap, the simulator or a replay."""

    mongo: dg.ResourceDependency[MongoResource]
    postgres: dg.ResourceDependency[PostgresResource]

    @property
    def interval(self) -> str:
        """The configured interval."""
        return load_settings().coincap_history_interval

    def fetch(self, request: HistoryRequest) -> RawStream:
        """Fetch the parts of a request that no stored answer covers; nothing is requested twice.

        The calls are made while the stream is iterated.

        Raises:
            SourceError, StoreError: now or while the stream is iterated.
        """
        settings, interval, now = load_settings(), self.interval, datetime.now(UTC)
        closed = closed_until(now, interval)
        until = on_grid(min(request.until or request.end, closed), interval)
        if until <= request.start:
            reason = (
                f"no {interval} point is available yet; the newest is before {closed:%H:%M} UTC"
            )
            return RawStream(iter(()), {"skipped": reason})
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
        """Return the spans to request, by coin; they begin before the request's end.

        Args:
            request: a run's request.
            until: end of what can be requested.
            client: fetches the coins if the data lake contains none; None: then there are none.
        """
        if not (request.gaps_only or request.coins):
            request = replace(request, coins=self.coins(client))
        return missing_spans(self.mongo.lake(), self.postgres, self.interval, request, until)

    def coins(self, client: CoinCapClient | None = None) -> tuple[str, ...]:
        """Return the top `COINCAP_COINS` coins, see `plan.followed_coins`."""
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
            timeouts=PATIENCE,
            retries=TRIES,
        )


def _drawn(fetch: HistoryFetch) -> Iterator[RawBatch]:
    with fetch.client:
        yield from fetch
