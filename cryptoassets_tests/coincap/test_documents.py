"""The exact form of documents, dead letters and fetch records."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoassets.coincap.documents import (
    canonical_payload,
    dead_letter_of,
    document_id,
    history_batch,
    raw_batch,
)
from cryptoassets.coincap.models import HistoryResponse, Page, Response, Snapshot
from cryptoassets.coincap.verbatim import read_envelope
from cryptoassets.errors import MalformedResponseError
from cryptoassets_tests.coincap.test_verbatim import COINS

FETCHED_AT = datetime(2026, 11, 23, 10, 0, 0, 123_999, tzinfo=UTC)
NOW_MS = 1_795_428_000_100
URL = "https://rest.coincap.io/v3/assets?limit=2&offset=0"


def page_of(data: str, timestamp: str = str(NOW_MS), offset: int = 0) -> Page:
    """Return a page as the client returns it."""
    body = f'{{"timestamp":{timestamp},"data":{data}}}'.encode()
    envelope = read_envelope(body)
    response = Response(URL, 200, "coincap", {}, body, FETCHED_AT)
    items = envelope.items or ()
    return Page(response, offset, len(items), envelope.members.get("timestamp"), items)


def snapshot_of(*pages: Page, is_repeated: bool = False) -> Snapshot:
    """Combine pages into a snapshot."""
    return Snapshot(pages, is_repeated)


def test_a_coin_becomes_a_document_with_the_documented_fields() -> None:
    """Other tools rely on the field names, so these must not change."""
    batch = raw_batch(snapshot_of(page_of('[{"id":"bitcoin","priceUsd":"1.50"}]')))

    observed_at = datetime(2026, 11, 23, 10, 0, 0, 100_000, tzinfo=UTC)
    assert batch.documents == (
        {
            "_id": "bitcoin@2026-11-23T10:00:00.100Z@c83c7c9122e5",
            "coin_id": "bitcoin",
            "observed_at": observed_at,
            "fetched_at": datetime(2026, 11, 23, 10, 0, 0, 123_000, tzinfo=UTC),
            "source": "coincap",
            "payload": {"id": "bitcoin", "priceUsd": "1.50"},
        },
    )


def test_each_page_has_a_record_of_its_fetch() -> None:
    """Checks of completeness need the number of requested coins, which no document contains."""
    pages = page_of('[{"id":"a"},{"id":"b"}]'), page_of('[{"id":"c"}]', offset=2)

    batch = raw_batch(snapshot_of(*pages, is_repeated=True))

    ids = ["2026-11-23T10:00:00.100Z@0", "2026-11-23T10:00:00.100Z@2"]
    assert ids == [fetch["_id"] for fetch in batch.fetches]
    assert [2, 1] == [fetch["coins_received"] for fetch in batch.fetches]
    assert all(fetch["is_repeated"] for fetch in batch.fetches)


def test_the_same_response_twice_is_one_document() -> None:
    """A repeated page must not insert its coins twice."""
    batch = raw_batch(snapshot_of(page_of('[{"id":"a"}]'), page_of('[{"id":"a"}]', offset=1)))

    assert 1 == len(batch.documents)


def test_another_response_for_the_same_instant_is_a_second_document() -> None:
    """Both documents are kept; the rules later decide which one is used."""
    batch = raw_batch(snapshot_of(page_of('[{"id":"a","rank":"1"},{"id":"a","rank":"2"}]')))

    assert 2 == len({document["_id"] for document in batch.documents})


def test_ids_that_differ_only_in_case_are_different_coins() -> None:
    """Slugs are case-sensitive; ignoring case would merge two coins."""
    batch = raw_batch(snapshot_of(page_of('[{"id":"a"},{"id":"A"}]')))

    assert ["a", "A"] == [document["coin_id"] for document in batch.documents]


@pytest.mark.parametrize("coin", ['{"name":"x"}', '{"id":7}', '{"id":null}', '{"id":["a"]}'])
def test_a_coin_without_a_string_id_is_a_dead_letter(coin: str) -> None:
    """A coin cannot be stored without an id; the page's other coins are stored."""
    batch = raw_batch(snapshot_of(page_of(f'[{coin},{{"id":"b"}}]')))

    assert ["b"] == [document["coin_id"] for document in batch.documents]
    (letter,) = batch.dead_letters
    assert ("no_id", coin, URL, 200) == tuple(
        letter[k] for k in ("reason", "body", "url", "status")
    )


def test_a_dead_letter_contains_the_text_of_the_coin() -> None:
    """Only the text shows what the parser could not represent."""
    batch = raw_batch(snapshot_of(page_of(r'[{"id":"a","p":NaN,"n":"\ud800"}]')))

    assert r'{"id":"a","p":NaN,"n":"\ud800"}' == batch.dead_letters[0]["body"]


def test_two_equal_broken_coins_become_two_dead_letters() -> None:
    """Every broken coin is kept, even if it equals another one."""
    batch = raw_batch(snapshot_of(page_of('[{"n":1},{"n":1}]')))

    assert 2 == len({letter["_id"] for letter in batch.dead_letters})


@pytest.mark.parametrize(
    "timestamp",
    [
        "null", '"1795428000100"', "true", "[]", "0", "-5", "1795428000", "1514764799999",
        str(NOW_MS + 601_000), "32503680000000", "1e300", "NaN", "99999999999999999999",
    ],
)  # fmt: skip
def test_a_page_with_an_impossible_time_is_one_dead_letter(timestamp: str) -> None:
    """Documents dated 1970 or 3000 would never be processed."""
    batch = raw_batch(snapshot_of(page_of('[{"id":"a"},{"id":"b"}]', timestamp)))

    assert ((), ()) == (batch.documents, batch.fetches)
    assert ["bad_timestamp"] == [letter["reason"] for letter in batch.dead_letters]
    assert '"id":"b"' in batch.dead_letters[0]["body"]


@pytest.mark.parametrize("timestamp", ["1514764800000", str(NOW_MS + 600_000), f"{NOW_MS}.0"])
def test_times_at_the_limits_are_kept(timestamp: str) -> None:
    """Clocks differ a little, and partitions start in 2018."""
    assert 1 == len(raw_batch(snapshot_of(page_of('[{"id":"a"}]', timestamp))).documents)


def test_a_missing_timestamp_is_a_dead_letter() -> None:
    """Without a timestamp, the hour of the prices is unknown."""
    page = page_of('[{"id":"a"}]')

    batch = raw_batch(snapshot_of(Page(page.response, 0, 1, None, page.items)))

    assert "bad_timestamp" == batch.dead_letters[0]["reason"]


def test_an_unreadable_response_becomes_a_dead_letter_cut_at_one_mebibyte() -> None:
    """A body of up to 64 MiB is accepted, but must not be stored in full."""
    error = MalformedResponseError("m", status=200, reason="html", body="é".encode() * 2**20)

    letter = dead_letter_of(error, URL, FETCHED_AT)

    assert {"_id", "url", "fetched_at", "status", "reason", "body"} == set(letter)
    assert 2**20 == len(letter["body"].encode())
    assert letter == dead_letter_of(error, URL, FETCHED_AT)


def test_a_history_point_is_stored_under_its_own_time() -> None:
    """The envelope's timestamp is the time of the request, not of the price."""
    data = '[{"priceUsd":"1","time":1795424400000},{"priceUsd":"2","time":"x"}]'
    page = page_of(data)
    bounds = (FETCHED_AT - timedelta(days=1), FETCHED_AT)

    batch = history_batch(
        HistoryResponse("bitcoin", "h1", *bounds, page.response, None, page.items)
    )

    (document,) = batch.documents
    assert document["_id"].startswith("bitcoin@h1@2026-11-23T09:00:00.000Z@")
    assert "h1" == document["interval"]
    assert ["bad_timestamp"] == [letter["reason"] for letter in batch.dead_letters]


@given(payload=COINS)
@settings(max_examples=30, deadline=None)
def test_equal_payloads_have_the_same_canonical_text(payload: dict[str, Any]) -> None:
    """The text contains the whole payload, because quarantine stores only the text."""
    text = canonical_payload(payload)
    backwards = dict(reversed(payload.items()))

    assert payload == json.loads(text)
    assert text.isascii()
    assert text == canonical_payload(backwards)


@given(payload=COINS, other=COINS, slug=st.text(max_size=20), ms=st.integers(0, 2**40))
@settings(max_examples=30, deadline=None)
def test_ids_are_equal_if_and_only_if_the_payloads_are(
    payload: dict[str, Any], other: dict[str, Any], slug: str, ms: int
) -> None:
    """The same response twice is one document; a different response is another document."""
    time = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    is_same = canonical_payload(payload) == canonical_payload(other)

    assert is_same == (
        document_id(slug, observed_at=time, payload=payload)
        == document_id(slug, observed_at=time, payload=other)
    )


def test_the_id_contains_the_interval_between_slug_and_time() -> None:
    """Several intervals may have a point at the same instant."""
    found = document_id("bitcoin", "h1", observed_at=FETCHED_AT, payload={})

    assert "bitcoin@h1@2026-11-23T10:00:00.123Z@44136fa355b3" == found
