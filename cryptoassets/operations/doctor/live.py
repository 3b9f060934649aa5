"""Tries the real source: makes three cheap calls, judges the responses and records them.

What goes here: the calls, their maximum cost, and judging the responses. What stays out: the client
(in `coincap`), the rules (in `transforms`), the files (in `recordings`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from cryptoassets.coincap.client import CoinCapClient, snapshot_credits
from cryptoassets.coincap.clocks import clock_difference_seconds, clock_warning
from cryptoassets.coincap.credits import counted_credits, estimated_credits
from cryptoassets.coincap.documents import RawBatch, history_batch, listing_batch, raw_batch
from cryptoassets.coincap.models import Response, RetryPolicy
from cryptoassets.coincap.protocol import HISTORY_ROUTE, RATES_ROUTE
from cryptoassets.coincap.redaction import public_url
from cryptoassets.errors import (
    BadKeyError,
    CreditsSpentError,
    MalformedResponseError,
    SettingsError,
    SourceError,
)
from cryptoassets.operations.doctor.findings import Finding, Level
from cryptoassets.operations.doctor.recordings import Recorder
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.schemas.flows.rates import RATES_FLOW
from cryptoassets.settings import COINCAP_V3_URL, Settings
from cryptoassets.stores.documents import raw_rows
from cryptoassets.transforms.drift import drift
from cryptoassets.transforms.history import judge_history
from cryptoassets.transforms.prices import judge_prices
from cryptoassets.transforms.rates import judge_rates
from cryptoassets.upkeep.partitions import ALL_TIME

MOST_CREDITS = 30
COINS, CURRENCIES, HOURS = 10, ("euro", "bitcoin"), 24
_COIN, _INTERVAL = "bitcoin", "h1"
_ONE_TRY = RetryPolicy(attempts=1)
_REPORT = "Please report it, with the recordings"
_SHOWN = 3

Fetched = tuple[Response, Any, RawBatch]
"""The last response, its timestamp, and its documents."""


@dataclass(frozen=True)
class Plan:
    """Where `doctor --live` would make its calls, and their expected and maximum credits."""

    url: str
    credits: int
    most_credits: int = MOST_CREDITS


class _Limit:
    """Refuses calls that could exceed `MOST_CREDITS`; writes nothing to `warehouse.credits`."""

    def __init__(self) -> None:
        self.spent = 0

    def reserve(self, route: str, estimated: int) -> None:
        if self.spent + estimated > MOST_CREDITS:
            raise CreditsSpentError(
                f"{route} was not called: it could bring the total above {MOST_CREDITS} credits"
            )

    def count(self, ticket: Any, counted: int) -> None:  # noqa: ARG002 -- nothing was reserved
        self.spent += counted


def plan(settings: Settings) -> Plan:
    """Return where the calls would be made and what they would cost.

    Raises:
        SettingsError: neither a key nor a URL is set.
    """
    if settings.coincap_api_key is None and settings.coincap_url is None:
        raise SettingsError(
            "There is nothing to try: COINCAP_API_KEY is not set. Get a key at "
            "https://pro.coincap.io, put `COINCAP_API_KEY=...` into the file .env, then run "
            "`cryptoassets doctor --live` again"
        )
    rates = estimated_credits(RATES_ROUTE, len(CURRENCIES))
    history = estimated_credits(HISTORY_ROUTE, HOURS)
    url = public_url(settings.coincap_url or COINCAP_V3_URL)
    return Plan(url, snapshot_credits(COINS) + rates + history)


def try_source(settings: Settings, folder: Path) -> list[Finding]:
    """Make the calls; judge and record the responses.

    Args:
        settings: with the source's URL and key.
        folder: where the recordings are written; `source --replay` can serve them.
    """
    key = settings.coincap_api_key.get_secret_value() if settings.coincap_api_key else None
    limit, recorder = _Limit(), Recorder(folder, key)
    found: list[Finding] = []
    url = settings.coincap_url or COINCAP_V3_URL
    with CoinCapClient(url, api_key=key, credits=limit, retries=_ONE_TRY) as client:
        for flow, name, fetch, judge in (
            (SNAPSHOT_FLOW, "assets", _snapshot, judge_prices),
            (RATES_FLOW, "rates", _rates, judge_rates),
            (HISTORY_FLOW, f"history_{_COIN}_{_INTERVAL}", _history, judge_history),
        ):
            try:
                response, stamp, batch = fetch(client)
            except MalformedResponseError as error:
                recorder.record_unreadable(name, error.body)
                found.append(Finding(_name(flow), "problem", str(error), _REPORT))
                continue
            except SourceError as error:
                found.append(Finding(_name(flow), "problem", str(error)))
                if isinstance(error, BadKeyError):
                    break
                continue
            recorder.record(name, response.body)
            found.append(judge_response(flow, response, stamp, batch, judge))
    if recorder.files:
        words = f"{', '.join(recorder.files)} in {folder}, without the key"
        remedy = f"`cryptoassets source --replay {folder}` serves them"
        found.append(Finding("recordings", "ok", words, remedy))
    spent = f"{limit.spent} credits spent, not counted in warehouse.credits"
    return [*found, Finding("credits", "ok", spent)]


def _snapshot(client: CoinCapClient) -> Fetched:
    snapshot = client.snapshot(COINS)
    page = snapshot.pages[-1]
    return page.response, page.timestamp, raw_batch(snapshot)


def _rates(client: CoinCapClient) -> Fetched:
    page = client.listing(RATES_ROUTE, CURRENCIES, len(CURRENCIES))
    return page.response, page.timestamp, listing_batch(RATES_FLOW, page)


def _history(client: CoinCapClient) -> Fetched:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    history = client.history(_COIN, _INTERVAL, end - timedelta(hours=HOURS), end)
    return history.response, history.timestamp, history_batch(history)


def judge_response(
    flow: Flow,
    response: Response,
    stamp: Any,
    batch: RawBatch,
    judge: Callable[[pa.Table], pa.Table],
) -> Finding:
    """Judge the documents of a response by the current rules of its flow.

    Args:
        flow: the kind of document.
        response: the source's response.
        stamp: its timestamp.
        batch: its documents and dead letters.
        judge: the function that applies the flow's rules.
    """
    rows = judge(raw_rows(batch.documents, flow.raw, ALL_TIME, ALL_TIME, {}, COINS))
    outcomes = Counter(rows["outcome"].to_pylist())
    found = (
        f"{outcomes['valid']} of {len(batch.documents)} documents valid, {len(response.body):,} "
        f"bytes, {counted_credits(len(response.body))} credits at CoinCap's price"
    )
    odd = _differences(flow, rows, batch)
    warning = clock_warning(clock_difference_seconds(response, stamp))
    odd += [warning] if warning else []
    if not odd:
        return Finding(_name(flow), "ok", found)
    level: Level = "warning" if outcomes["valid"] else "problem"
    return Finding(_name(flow), level, "; ".join([found, *odd]), _REPORT)


def _name(flow: Flow) -> str:
    return f"/{flow.route.rpartition('/')[2]}"


def _differences(flow: Flow, rows: pa.Table, batch: RawBatch) -> list[str]:
    """Describe broken rules, dead letters, and differences from the known form of a coin."""
    reasons = Counter(code for codes in rows["reasons"].to_pylist() for code in codes)
    letters = Counter(str(letter["reason"]) for letter in batch.dead_letters)
    odd = [f"quarantined: {_counts(reasons)}"] if reasons else []
    odd += [f"cannot be stored: {_counts(letters)}"] if letters else []
    odd += [f"{batch.outside} points outside the requested window"] if batch.outside else []
    if flow is SNAPSHOT_FLOW:
        odd += _first(drift(rows["payload"].to_pylist()))
    return odd


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{code} {count}" for code, count in counted.most_common())


def _first(changes: Sequence[str]) -> list[str]:
    return [*changes[:_SHOWN], *(["..."] if len(changes) > _SHOWN else [])]
