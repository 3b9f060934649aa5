"""The client of CoinCap v3 and of compatible servers.

What goes here: routes, pages and credits. What stays out: sockets (in `transport`), the meaning of
an HTTP status (in `verdicts`), retries (in `retries`), documents (in `documents`).
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from cryptoassets.coincap.credits import (
    UNMETERED,
    CreditKeeper,
    counted_credits,
    estimated_credits,
)
from cryptoassets.coincap.documents import coin_ids
from cryptoassets.coincap.models import (
    HistoryResponse,
    Page,
    Response,
    RetryPolicy,
    Snapshot,
    Timeouts,
)
from cryptoassets.coincap.protocol import (
    ASSETS_ROUTE,
    HISTORY_ROUTE,
    epoch_ms,
)
from cryptoassets.coincap.redaction import BearerKey, public_url
from cryptoassets.coincap.retries import call_with_retries
from cryptoassets.coincap.transport import NoResponse, Received, Transport
from cryptoassets.coincap.verbatim import Envelope
from cryptoassets.coincap.verdicts import CallFailure, source_kind_of, verdict
from cryptoassets.errors import EmptyResponseError, SettingsError
from cryptoassets.schemas import INTERVAL_MS
from cryptoassets.settings import SourceKind

MAX_PAGE_COINS = 2000
REPEATED_SHARE = 0.5
"""A page is a repetition if at least this share of its coins was on earlier pages."""

T = TypeVar("T")


def snapshot_credits(coins: int) -> int:
    """Return the credits that a snapshot of this number of coins is expected to cost."""
    offsets = range(0, coins, MAX_PAGE_COINS)
    pages = (min(MAX_PAGE_COINS, coins - offset) for offset in offsets)
    return sum(estimated_credits(ASSETS_ROUTE, page) for page in pages)


class CoinCapClient:
    """A client of CoinCap v3; use it as a context manager, or `close` it.

    A failed call raises the narrowest `SourceError`: BadKeyError, BlockedError, CoinNotFoundError,
    CreditsSpentError, EmptyResponseError, MalformedResponseError, PlanError, RateLimitedError,
    RequestRefusedError or SourceUnavailableError. A redirect, an unknown route or a version of
    the API that was shut down raises a plain SourceError.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        credits: CreditKeeper = UNMETERED,  # noqa: A002 - the domain's word
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = BearerKey((api_key or "").strip() or None)
        self._credits = credits
        self._timeouts = timeouts
        self._retries = retries
        self._transport = Transport(base_url, self._key, timeouts, now)
        self.last_url = public_url(self._base_url)
        """URL of the last request, without the key; stored in the dead letter of a bad response."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def snapshot(self, coins: int) -> Snapshot:
        """Fetch the top coins by rank, in pages of at most 2,000 coins.

        A page with fewer coins than requested is the last.

        Args:
            coins: number of coins to request, at least 1.

        Raises:
            EmptyResponseError: the first page contains no coins.
        """
        pages: list[Page] = []
        earlier_ids: set[str] = set()
        is_repeated = False
        for offset in range(0, coins, MAX_PAGE_COINS):
            page, is_last = self._page(coins, offset)
            ids = coin_ids(page.items)
            repeated = sum(coin_id in earlier_ids for coin_id in ids)
            is_repeated = is_repeated or (repeated > 0 and repeated >= REPEATED_SHARE * len(ids))
            earlier_ids.update(ids)
            pages.append(page)
            if is_last:
                break
        return Snapshot(tuple(pages), is_repeated)

    def history(self, slug: str, interval: str, start: datetime, end: datetime) -> HistoryResponse:
        """Fetch one coin's points in [start, end); both bounds are sent to the source.

        Args:
            slug: CoinCap's id of the coin.
            interval: m1 m5 m15 m30 h1 h2 h6 h12 d1.
            start: aware time; first instant of the window.
            end: aware time; first instant after the window. CoinCap refuses windows that are too
                long.

        Raises:
            CoinNotFoundError: the coin does not exist or has no history.
            EmptyResponseError: the window contains no points.
        """
        if interval not in INTERVAL_MS:
            known = " ".join(INTERVAL_MS)
            raise SettingsError(f"There is no interval {interval!r}; choose one of {known}")
        path = f"/assets/{quote(unicodedata.normalize('NFC', slug), safe='')}/history"
        start_ms, end_ms = epoch_ms(start), epoch_ms(end)
        bounds = {"interval": interval, "start": start_ms, "end": end_ms}
        rows = max(1, (end_ms - start_ms) // INTERVAL_MS[interval])
        response, envelope = self._call(HISTORY_ROUTE, path, bounds, rows)
        if not envelope.items:
            raise self._empty(response, "no history points for this window")
        stamp = envelope.members.get("timestamp")
        return HistoryResponse(slug, interval, start, end, response, stamp, envelope.items)

    def listing(self, route: str, ids: Sequence[str], rows: int) -> Page:
        """Fetch the current rows of a route in one call.

        Args:
            route: a flow's route whose path has no parameters, e.g. `/rates`.
            ids: ids of the requested rows; if empty, all rows are requested.
            rows: expected number of rows.

        Raises:
            EmptyResponseError: the response contains no rows.
        """
        names = ",".join(unicodedata.normalize("NFC", one) for one in ids)
        response, envelope = self._call(route, route, {"ids": names} if ids else {}, rows)
        if not envelope.items:
            raise self._empty(response, "no rows")
        return Page(response, 0, rows, envelope.members.get("timestamp"), envelope.items)

    def source_kind(self) -> SourceKind:
        """Ask the server which kind of source it is; CoinCap is recognized by its host name.

        Raises:
            SourceUnavailableError: the server cannot be reached.
        """
        host = urlsplit(self._base_url).hostname or ""
        if host == "coincap.io" or host.endswith(".coincap.io"):
            return "coincap"

        def kind_of(url: str, deadline: float) -> SourceKind | CallFailure:
            outcome = self._transport.get(url, deadline)
            if isinstance(outcome, Received):
                kind = source_kind_of(outcome)
                # If the simulator is down, a gateway may return 5xx or 429. Such a response must
                # not be taken for one from CoinCap.
                is_own_server = kind != "coincap"
                is_fault = outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                is_limit = outcome.status == HTTPStatus.TOO_MANY_REQUESTS
                if is_own_server or not (is_fault or is_limit):
                    return kind
            judged = verdict(url, outcome, self._key)
            return judged if isinstance(judged, CallFailure) else "coincap"

        return self._ask(f"{self._base_url}/health", kind_of)

    def _page(self, coins: int, offset: int) -> tuple[Page, bool]:
        limit = min(MAX_PAGE_COINS, coins - offset)
        response, envelope = self._call(
            ASSETS_ROUTE, ASSETS_ROUTE, {"limit": limit, "offset": offset}, limit
        )
        items = envelope.items or ()
        if not items and offset == 0:
            raise self._empty(response, "no coins")
        is_short = len(items) < limit
        # No page follows a short page, so record that the short page should have contained all
        # remaining coins. Otherwise missing coins would not be noticed.
        coins_asked = coins - offset if is_short else limit
        stamp = envelope.members.get("timestamp")
        is_last = is_short or offset + limit >= coins
        return Page(response, offset, coins_asked, stamp, items), is_last

    def _empty(self, response: Response, what: str) -> EmptyResponseError:
        return EmptyResponseError(
            f"GET {response.url} returned {what}. Nothing was stored; a later retry can help"
        )

    def _call(
        self, route: str, path: str, parameters: dict[str, Any], rows: int
    ) -> tuple[Response, Envelope]:
        """Make one metered call, with retries."""
        estimated = estimated_credits(route, rows)
        incomplete: list[Any] = []

        def metered(url: str, deadline: float) -> tuple[Response, Envelope] | CallFailure:
            ticket = self._credits.reserve(route, estimated)
            outcome = self._transport.get(url, deadline)
            cost = _cost(outcome, estimated)
            self._credits.count(ticket, cost)
            if isinstance(outcome, Received) and outcome.status == HTTPStatus.OK and cost:
                if outcome.fault:
                    incomplete.append(ticket)
                else:
                    self._correct_costs(incomplete, cost)
            return verdict(url, outcome, self._key)

        query = f"?{urlencode(parameters)}" if parameters else ""
        return self._ask(f"{self._base_url}{path}{query}", metered)

    def _correct_costs(self, incomplete: list[Any], cost: int) -> None:
        """Count each incomplete response at the cost of the complete response, as CoinCap does."""
        while incomplete:
            self._credits.count(incomplete.pop(), cost)

    def _ask(self, url: str, ask: Callable[[str, float], T | CallFailure]) -> T:
        self.last_url = self._key.redacted(public_url(url))
        total = self._timeouts.total_seconds
        return call_with_retries(lambda deadline: ask(url, deadline), self._retries, total)


def _cost(outcome: Received | NoResponse, estimated: int) -> int:
    """Return the credits that CoinCap charges for one call; 0 for this project's own servers.

    A call without a response costs 1 credit if the request was sent. CoinCap charges an incomplete
    response in full, so its cost is estimated until a retry receives the complete response.
    """
    if isinstance(outcome, NoResponse):
        return 1 if outcome.was_sent else 0
    if source_kind_of(outcome) != "coincap":
        return 0
    counted = counted_credits(len(outcome.body))
    return max(counted, estimated) if outcome.fault else counted
