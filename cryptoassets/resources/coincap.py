"""CoinCap as a Dagster resource: configured from the settings, with its credits in PostgreSQL.

What goes here: which URL and key to use, and whether credits allow a fetch now. What stays out:
HTTP (in `coincap.client`) and the form of documents (in `coincap.documents`).
"""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.coincap.client import CoinCapClient, snapshot_credits
from cryptoassets.coincap.clocks import clock_difference_seconds, clock_warning
from cryptoassets.coincap.credits import Budget, estimated_credits
from cryptoassets.coincap.documents import RawBatch, dead_letter_of, listing_batch, raw_batch
from cryptoassets.coincap.models import Page, Snapshot
from cryptoassets.embedded import Stack
from cryptoassets.errors import (
    CreditsSpentError,
    MalformedResponseError,
    PaceError,
    SourceError,
    UnstorableResponseError,
)
from cryptoassets.facts import Fact
from cryptoassets.resources.credits import CreditMode, PostgresCreditKeeper
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow
from cryptoassets.settings import Settings, load_settings

CREDIT_MODE_TAG = "cryptoassets/credits"
"""Run tag whose value is a CreditMode; runs without it are `paced`, as scheduled runs must be."""


class CoinCapResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fetches raw batches from CoinCap, the simulator or a replay."""

    postgres: dg.ResourceDependency[PostgresResource]

    def fetch_snapshot(self, mode: CreditMode) -> RawBatch:
        """Fetch the top `COINCAP_COINS` coins, unless the month's credits do not allow it yet.

        Returns:
            Documents, dead letters and fetch records. If the credits do not allow a fetch: an empty
            batch whose `skipped` is `credits` and whose facts contain the time of the next fetch.
            If the response cannot be read: a batch with its dead letter, and the error as
            `failure`.

        Raises:
            SourceError: CoinCap refused the call, was unreachable or returned no coins. There is
                nothing to store.
        """
        settings = load_settings()
        keeper = PostgresCreditKeeper(self.postgres.connect, settings.coincap_monthly_credits, mode)
        budget = keeper.budget(datetime.now(UTC))
        cost = snapshot_credits(settings.coincap_coins)
        if mode == "paced" and budget.next_snapshot_at(cost) > budget.now:
            return _skipped(budget, cost)
        with _client(settings, keeper) as client:
            try:
                return _batch_of(client.snapshot(settings.coincap_coins))
            except PaceError:
                # Meanwhile, another fetch has spent the credits that the pace allowed.
                return _skipped(keeper.budget(datetime.now(UTC)), cost)
            except MalformedResponseError as error:
                letter = dead_letter_of(error, client.last_url, datetime.now(UTC))
                return RawBatch(dead_letters=(letter,), failure=error)

    def fetch_listing(self, flow: Flow, mode: CreditMode) -> RawBatch:
        """Fetch the current rows of a flow's route, unless the credits do not allow it.

        Returns:
            See `fetch_snapshot`.

        Raises:
            SourceError: CoinCap refused the call, was unreachable or returned no rows. There is
                nothing to store.
        """
        settings = load_settings()
        ids = requested_ids(flow, settings)
        if flow.ids_setting and not ids:
            return RawBatch(skipped=f"{flow.ids_setting.upper()} is none")
        keeper = PostgresCreditKeeper(self.postgres.connect, settings.coincap_monthly_credits, mode)
        with _client(settings, keeper) as client:
            try:
                page = client.listing(flow.route, ids, len(ids) or flow.rows)
            except (CreditsSpentError, PaceError):
                return _skipped(keeper.budget(datetime.now(UTC)), listing_credits(flow, settings))
            except MalformedResponseError as error:
                letter = dead_letter_of(error, client.last_url, datetime.now(UTC))
                return RawBatch(dead_letters=(letter,), failure=error)
        return _storable(listing_batch(flow, page), page)


def requested_ids(flow: Flow, settings: Settings) -> tuple[str, ...]:
    """Return the ids that a fetch of a flow requests.

    An empty result means all rows or, if the flow has an `ids_setting`, that nothing is fetched.
    """
    listed = str(getattr(settings, flow.ids_setting)) if flow.ids_setting else ""
    return () if listed == "none" else tuple(listed.split())


def is_recorded(flow: Flow, settings: Settings) -> bool:
    """Return whether the replayed folder contains a response for a flow's route.

    Asking costs no credits.
    """
    ids = requested_ids(flow, settings)
    with CoinCapClient(Stack(settings).source_url()) as client:
        try:
            client.listing(flow.route, ids, len(ids) or flow.rows)
        except SourceError:
            return False
    return True


def listing_credits(flow: Flow, settings: Settings) -> int:
    """Return the credits that a fetch of a flow is expected to cost."""
    return estimated_credits(flow.route, len(requested_ids(flow, settings)) or flow.rows)


def _client(settings: Settings, keeper: PostgresCreditKeeper) -> CoinCapClient:
    key = settings.coincap_api_key
    return CoinCapClient(
        Stack(settings).source_url(),
        api_key=key.get_secret_value() if key else None,
        credits=keeper,
    )


def _skipped(budget: Budget, cost: int) -> RawBatch:
    """Return an empty batch that names the time of the next fetch."""
    next_at = budget.next_snapshot_at(cost)
    facts = {Fact.NEXT_FETCH_AT: next_at.isoformat(), "credits left": budget.left}
    return RawBatch(skipped="credits", facts=facts)


def _batch_of(snapshot: Snapshot) -> RawBatch:
    """Turn a snapshot into a batch; see `_storable`."""
    return _storable(raw_batch(snapshot), snapshot.pages[0])


def _storable(batch: RawBatch, first: Page) -> RawBatch:
    """Add the clocks' difference as a fact; add a failure to a batch that has only dead letters."""
    difference = clock_difference_seconds(first.response, first.timestamp)
    if difference is not None:
        batch = replace(batch, facts={Fact.CLOCK_DIFFERENCE_SECONDS: difference})
    if batch.documents:
        return batch
    letter = batch.dead_letters[0]
    status, reason = letter["status"], letter["reason"]
    what = f"No part of the response from {letter['url']} could be stored: {reason}."
    if reason == "bad_timestamp":
        shown = clock_warning(difference) or f"Its timestamp is {first.timestamp!r}"
        why = f"{what} {shown}. A later retry can help; the response is kept in `dead_letters`"
        return replace(batch, failure=MalformedResponseError(why, status=status, reason=reason))
    why = (
        f"{what} MongoDB cannot store it unchanged, so a retry will not help while the source "
        "sends such responses. The response is kept in `dead_letters`; after the rule that refused "
        f"it has changed, `cryptoassets requeue --reason {reason}` reads it again"
    )
    return replace(batch, failure=UnstorableResponseError(why, status=status, reason=reason))
