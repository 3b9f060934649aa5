"""CoinCap as a resource: a client configured from the settings, with its credits in PostgreSQL.

What goes here: which URL and key to use, and whether credits allow a fetch now. What stays out:
HTTP (in `coincap.client`) and documents (in `coincap.documents`).
"""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.coincap.client import CoinCapClient, snapshot_credits
from cryptoassets.coincap.clocks import CLOCK_FACT, clock_difference_seconds, clock_warning
from cryptoassets.coincap.credits import Budget
from cryptoassets.coincap.documents import RawBatch, dead_letter_of, raw_batch
from cryptoassets.coincap.models import Snapshot
from cryptoassets.embedded import Stack
from cryptoassets.errors import MalformedAnswerError, PaceError, UnstorableAnswerError
from cryptoassets.resources.credits import CreditMode, PostgresCreditKeeper
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings

CREDIT_MODE_TAG = "cryptoassets/credits"
"""Run tag with a CreditMode; a run without it keeps to the month's pace, as schedules must."""


class CoinCapResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fetches raw batches from CoinCap, the simulator or a replay."""

    postgres: dg.ResourceDependency[PostgresResource]

    def fetch_snapshot(self, mode: CreditMode) -> RawBatch:
        """Fetch the top `COINCAP_COINS` coins, unless the month's credits do not allow it yet.

        Returns:
            Documents, dead letters and fetch records; or an empty batch whose `skipped` is
            `credits` and whose facts name the time of the next fetch. For an answer that cannot be
            read: a batch with its dead letter, and the error as `failure`.

        Raises:
            SourceError: CoinCap refused, was unreachable or returned nothing; nothing to store.
        """
        settings = load_settings()
        key = settings.coincap_api_key
        keeper = PostgresCreditKeeper(self.postgres.connect, settings.coincap_monthly_credits, mode)
        budget = keeper.budget(datetime.now(UTC))
        cost = snapshot_credits(settings.coincap_coins)
        if mode == "paced" and budget.next_snapshot_at(cost) > budget.now:
            return _skipped(budget, cost)
        with CoinCapClient(
            Stack(settings).source_url(),
            api_key=key.get_secret_value() if key else None,
            credits=keeper,
        ) as client:
            try:
                return _batch_of(client.snapshot(settings.coincap_coins))
            except PaceError:
                # Another fetch was waiting for the same moment and was faster.
                return _skipped(keeper.budget(datetime.now(UTC)), cost)
            except MalformedAnswerError as error:
                letter = dead_letter_of(error, client.last_url, datetime.now(UTC))
                return RawBatch(dead_letters=(letter,), failure=error)


def _skipped(budget: Budget, cost: int) -> RawBatch:
    """Return an empty batch that names the time of the next fetch."""
    next_at = budget.next_snapshot_at(cost)
    facts = {"next fetch at": next_at.isoformat(), "credits left": budget.left}
    return RawBatch(skipped="credits", facts=facts)


def _batch_of(snapshot: Snapshot) -> RawBatch:
    """Turn a snapshot into a batch; a batch that has only dead letters is a failure."""
    batch, first = raw_batch(snapshot), snapshot.pages[0]
    difference = clock_difference_seconds(first.answer, first.timestamp)
    if difference is not None:
        batch = replace(batch, facts={CLOCK_FACT: difference})
    if batch.documents:
        return batch
    letter = batch.dead_letters[0]
    status, reason = letter["status"], letter["reason"]
    what = f"No part of the answer of {letter['url']} could be stored: {reason}."
    if reason == "bad_timestamp":
        shown = clock_warning(difference) or f"Its timestamp is {first.timestamp!r}"
        why = f"{what} {shown}. A later retry can help; the answer is kept in `dead_letters`"
        return replace(batch, failure=MalformedAnswerError(why, status=status, reason=reason))
    why = (
        f"{what} MongoDB cannot store it unchanged, so a retry will not help while the source "
        "sends this. It is kept in `dead_letters`; once the rule is changed, `cryptoassets requeue "
        f"--reason {reason}` reads it again"
    )
    return replace(batch, failure=UnstorableAnswerError(why, status=status, reason=reason))
