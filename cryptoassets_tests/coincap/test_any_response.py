"""Each element of any response becomes a document or a dead letter; each document is judged."""

from datetime import UTC, timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions
from hypothesis import given, settings

from cryptoassets.coincap.documents import RawBatch, dead_letter_of, history_batch, raw_batch
from cryptoassets.coincap.models import HistoryResponse, Item, Page, Snapshot
from cryptoassets.coincap.redaction import BearerKey
from cryptoassets.coincap.transport import Received
from cryptoassets.coincap.verdicts import CallFailure, verdict
from cryptoassets.errors import MalformedResponseError
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.stores.documents import raw_rows
from cryptoassets_tests.coincap.responses import NOW, bodies
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT
from cryptoassets_tests.transforms.test_pages import assert_judged_completely

KEY = "a-planted-key"
URL = "http://127.0.0.1/assets"
ALWAYS = Span(NOW - timedelta(days=10_000), NOW + timedelta(days=10_000))
OPTIONS = CodecOptions[Any](tz_aware=True, tzinfo=UTC)


def page_of(body: bytes) -> Page | None:
    """Read a body as the client does; None if the whole response is refused or empty."""
    outcome = verdict(f"{URL}?apiKey={KEY}", Received(200, {}, body, NOW), BearerKey(KEY))
    if isinstance(outcome, CallFailure):
        assert KEY not in str(outcome.error)
        if isinstance(outcome.error, MalformedResponseError):
            bson.encode(dead_letter_of(outcome.error, URL, NOW))
        return None
    response, envelope = outcome
    stamp = envelope.members.get("timestamp")
    return Page(response, 0, 2000, stamp, envelope.items) if envelope.items else None


def assert_kept(batch: RawBatch, items: tuple[Item, ...], flow: Flow) -> None:
    """Assert that each element is in a document or dead letter that can be stored."""
    stored = [bson.decode(bson.encode(one), OPTIONS) for one in batch.documents]
    payloads = {repr(one["payload"]) for one in stored}
    in_documents = [item for item in items if not item.fault and repr(item.value) in payloads]

    assert repr(stored) == repr([*batch.documents])
    assert len(items) == len(in_documents) + len(batch.dead_letters)
    assert len(stored) == len({one["_id"] for one in stored})
    assert all(map(bson.encode, batch.dead_letters))
    assert_judged_completely(raw_rows(stored, flow.raw, ALWAYS, ALWAYS, {}, 4), flow)


@settings(NO_TIME_LIMIT, max_examples=30)
@given(bodies(is_snapshot=True))
def test_every_coin_of_any_response_is_kept(body: bytes) -> None:
    """The bytes include invalid JSON, unusual numbers and keys, and damaged envelopes."""
    page = page_of(body)
    if page is None:
        return

    batch = raw_batch(Snapshot((page,), is_repeated=False))

    if batch.fetches:
        assert_kept(batch, page.items, SNAPSHOT_FLOW)
    else:
        assert ["bad_timestamp"] == [letter["reason"] for letter in batch.dead_letters]


@settings(NO_TIME_LIMIT, max_examples=30)
@given(bodies(is_snapshot=False))
def test_every_point_of_any_response_is_kept(body: bytes) -> None:
    """Each point becomes a document with the point's own time, or a dead letter."""
    page = page_of(body)
    if page is None:
        return

    history = HistoryResponse("bitcoin", "m5", *ALWAYS, page.response, page.timestamp, page.items)

    assert_kept(history_batch(history), page.items, HISTORY_FLOW)
