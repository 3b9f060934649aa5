"""Reading dead letters again: readable letters become documents once, all others are kept."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoassets.coincap.documents import RawBatch, dead_letter_of, raw_batch
from cryptoassets.coincap.models import Page, Response, Snapshot
from cryptoassets.coincap.verbatim import read_envelope
from cryptoassets.errors import MalformedResponseError
from cryptoassets.schemas import RAW_COIN_SNAPSHOTS
from cryptoassets.stores.lake import store_batch
from cryptoassets.stores.mongodb import Lake
from cryptoassets.upkeep.dead_letters import letter_reasons, reread_dead_letters

pytestmark = pytest.mark.mongo

FETCHED_AT = datetime(2026, 11, 23, 10, 0, 0, 123_000, tzinfo=UTC)
NOW_MS = 1_795_428_000_100
COINS_URL = "http://host/v3/assets?limit=2&offset=0"
POINTS_URL = "http://host/v3/assets/xrp/history?interval=h1&start=1795392000000&end=1795428000000"
COIN = '{"id":"b","priceUsd":0.123456789012345678}'
POINT = '{"priceUsd":0.123456789012345678,"time":1795424400000}'
REASON = "number_not_representable"


def letter(url: str, body: str, reason: str = REASON, status: int = 200) -> dict[str, Any]:
    """Return a dead letter as an earlier version wrote it."""
    error = MalformedResponseError("", status=status, reason=reason, body=body.encode())
    return dead_letter_of(error, url, FETCHED_AT)


def stored_page(lake: Lake) -> None:
    """Store the page that contained the letter's coin: one document and the fetch record."""
    body = f'{{"timestamp":{NOW_MS},"data":[{{"id":"a"}}]}}'.encode()
    items = read_envelope(body).items or ()
    response = Response(COINS_URL, 200, "simulator", {}, body, FETCHED_AT)
    batch = raw_batch(Snapshot((Page(response, 0, 2, NOW_MS, items),), is_repeated=False))
    store_batch(lake, RAW_COIN_SNAPSHOTS, batch)


def test_a_coin_that_can_be_stored_now_joins_its_snapshot(lake: Lake) -> None:
    """The coin's time and source come from the fetch record; the letter itself has neither."""
    stored_page(lake)
    store_batch(lake, RAW_COIN_SNAPSHOTS, RawBatch(dead_letters=(letter(COINS_URL, COIN),)))

    reading = reread_dead_letters(lake, "coincap", REASON)
    again = reread_dead_letters(lake, "coincap")

    (a, b) = sorted(lake["coin_snapshots"].find(), key=lambda document: str(document["coin_id"]))
    assert ("b", "simulator", a["observed_at"]) == (b["coin_id"], b["source"], b["observed_at"])
    assert {"$numberDecimal": "0.123456789012345678"} == b["payload"]["priceUsd"]
    assert (1, 1, 0) == (reading.documents, reading.read, reading.remaining)
    assert ["2026-11-23-10:00"] == [partition.key for partition in reading.partitions]
    assert (0, 0, 0) == (again.documents, again.read, again.remaining)
    assert 1 == lake["snapshot_fetches"].count_documents({"offset": 0})


def test_a_point_that_can_be_stored_now_gets_its_own_time(lake: Lake) -> None:
    """The point itself has a time; coin, interval and window come from the letter's URL."""
    store_batch(lake, RAW_COIN_SNAPSHOTS, RawBatch(dead_letters=(letter(POINTS_URL, POINT),)))

    reading = reread_dead_letters(lake, "simulator")

    (point,) = lake["coin_history"].find()
    assert ("xrp", "h1", "simulator") == (point["coin_id"], point["interval"], point["source"])
    assert datetime(2026, 11, 23, 9, tzinfo=UTC) == point["observed_at"]
    assert ["2026-11-23"] == [partition.key for partition in reading.partitions]


def test_a_whole_response_that_is_read_again_gets_a_fetch_record(lake: Lake) -> None:
    """The time is in the response itself; a wrong limit may have rejected the timestamp before."""
    body = f'{{"timestamp":{NOW_MS},"data":[{{"id":"a"}},{COIN}]}}'
    letters = (letter(COINS_URL, body, "bad_timestamp"),)
    store_batch(lake, RAW_COIN_SNAPSHOTS, RawBatch(dead_letters=letters))

    reading = reread_dead_letters(lake, "simulator", "bad_timestamp")

    (fetch,) = lake["snapshot_fetches"].find({"offset": 0})
    assert (2, 2) == (fetch["coins_asked"], fetch["coins_received"])
    assert (2, 1) == (reading.documents, reading.read)


@pytest.mark.parametrize(
    ("url", "body", "reason"),
    [
        (COINS_URL, COIN, REASON),  # no fetch record, so the coin's time is unknown
        (COINS_URL, '{"id":"a","id":"b"}', "duplicate_keys"),
        (COINS_URL, f'{{"timestamp":1,"data":[{COIN}]}}', "bad_timestamp"),
        (COINS_URL, "<html></html>", "html"),
        (COINS_URL, '{"timestamp":1,"data":[{"id":"a"', "not_json"),
        (POINTS_URL, '{"priceUsd":"1","time":"1795424400000"}', "bad_timestamp"),
        ("http://host/v3/markets", '{"data":[{"id":"a"}]}', "not_json"),
        ("http://host/v3/assets?limit=x", '{"timestamp":1,"data":[]}', "no_data"),
    ],
)
def test_letters_that_still_cannot_be_read_are_kept(
    lake: Lake, url: str, body: str, reason: str
) -> None:
    """Users need these letters to find the cause."""
    store_batch(lake, RAW_COIN_SNAPSHOTS, RawBatch(dead_letters=(letter(url, body, reason),)))

    reading = reread_dead_letters(lake, "simulator", reason)

    assert (0, 0, 1) == (reading.documents, reading.read, reading.remaining)
    assert [reason] == letter_reasons(lake)
    assert 0 == lake["coin_snapshots"].count_documents({"coin_id": "a"})


@pytest.mark.parametrize(
    "members",
    [{}, {"url": 7}, {"url": None}, {"body": None}, {"reason": 7}, {"fetched_at": "now"}],
    ids=str,
)
def test_a_letter_in_another_format_is_kept_and_does_not_stop_other_letters(
    lake: Lake, members: dict[str, Any]
) -> None:
    """Other programs may write letters, too; one such letter once made `requeue` fail."""
    ours = letter(POINTS_URL, POINT)
    odd = {**(ours if members else {}), **members, "_id": "odd"}
    lake["dead_letters"].insert_many([odd, ours])

    assert [REASON] == [reason for reason in letter_reasons(lake) if reason]
    reading = reread_dead_letters(lake, "simulator")

    assert (1, 1) == (reading.read, reading.remaining)
    assert ["odd"] == [one["_id"] for one in lake["dead_letters"].find()]
