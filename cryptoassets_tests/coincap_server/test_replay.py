"""Recorded responses are served unchanged."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import history_batch, raw_batch
from cryptoassets.coincap_server.server import SourceServer, make_server
from cryptoassets.coincap_server.sources import replayed_source
from cryptoassets.errors import CoinNotFoundError, SettingsError
from cryptoassets_tests.coincap.conftest import QUICK
from cryptoassets_tests.coincap_server.fixtures import get_json

COINS = (
    '{"id":"a","rank":"1", "priceUsd" : 1.50e0},{"id":"b","name":"\\u00e9","rank":"2"},{"id":"c"}'
)
POINTS = '{"priceUsd":"1","time":1000},{"priceUsd":"2","time":2000},{"priceUsd":"3","time":3000}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of three coins and three points."""
    (tmp_path / "assets.json").write_text(f'{{"data": [{COINS}], "timestamp": 1533581088278}}')
    (tmp_path / "history_a_h1.json").write_text(f'{{"data":[{POINTS}]}}')
    return tmp_path


@pytest.fixture
def replay(folder: Path) -> Iterator[SourceServer]:
    """A server that serves the recording with current timestamps."""
    with make_server(replayed_source(folder)) as server:
        yield server


def test_coins_are_sent_with_their_recorded_text(replay: SourceServer) -> None:
    """1.50e0 must not become 1.5."""
    with CoinCapClient(replay.url, retries=QUICK) as client:
        page = client.snapshot(10).pages[0]

    assert COINS.replace(", ", ",") == ",".join(i.text for i in page.items).replace(", ", ",")
    assert "replay" == page.response.source


def test_snapshots_get_the_current_timestamp(replay: SourceServer) -> None:
    """With the current timestamp, recorded coins can be processed in the current partition."""
    with CoinCapClient(replay.url, retries=QUICK) as client:
        (fetch,) = raw_batch(client.snapshot(3)).fetches

    assert abs((datetime.now(UTC) - fetch["observed_at"]).total_seconds()) < 5


def test_as_recorded_keeps_the_recorded_time(folder: Path) -> None:
    """Recorded prices are published in the hour in which they were recorded."""
    with (
        make_server(replayed_source(folder, as_recorded=True)) as server,
        CoinCapClient(server.url, retries=QUICK) as client,
    ):
        (fetch,) = raw_batch(client.snapshot(3)).fetches

    assert datetime(2018, 8, 6, 18, 44, 48, 278_000, tzinfo=UTC) == fetch["observed_at"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("limit=1", ["a"]),
        ("limit=1&offset=1", ["b"]),
        ("offset=3", []),
        ("ids=c,a", ["a", "c"]),
        ("search=B", ["b"]),
    ],
)
def test_paging_and_filters_work_as_in_the_api(
    replay: SourceServer, query: str, ids: list[str]
) -> None:
    """The client fetches a large recording in pages, as it does with CoinCap."""
    assert ids == [coin["id"] for coin in get_json(f"{replay.url}/assets?{query}")["data"]]


def test_history_keeps_its_times_and_the_bounds_apply(replay: SourceServer) -> None:
    """The bounds are [start, end), as in the simulator and the client."""
    url = f"{replay.url}/assets/a/history?interval=h1"

    assert [1000, 2000, 3000] == [point["time"] for point in get_json(url)["data"]]
    bounded = get_json(f"{url}&start=1000&end=3000")["data"]
    assert [1000, 2000] == [point["time"] for point in bounded]


def test_a_request_without_a_recorded_response_gets_404(replay: SourceServer) -> None:
    """A backfill from a small recording continues with the next coin."""
    bounds = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    with CoinCapClient(replay.url, retries=QUICK) as client:
        with pytest.raises(CoinNotFoundError, match=r"history_b_h1\.json"):
            client.history("b", "h1", *bounds)
        with pytest.raises(CoinNotFoundError):
            client.history("../secret", "h1", *bounds)


def test_a_changed_file_is_read_again(replay: SourceServer, folder: Path) -> None:
    """A file can be replaced while the server runs."""
    (folder / "assets.json").write_text('{"timestamp":1,"data":[{"id":"new"}]}')

    assert ["new"] == [coin["id"] for coin in get_json(f"{replay.url}/assets")["data"]]


def test_a_file_that_breaks_while_it_is_served_is_reported_as_an_error(
    replay: SourceServer, folder: Path
) -> None:
    """Serving the file's earlier content would hide the mistake."""
    (folder / "assets.json").write_text("{")

    with pytest.raises(HTTPError) as caught:
        get_json(f"{replay.url}/assets")

    assert "assets.json cannot be served" in json.load(caught.value)["error"]
    caught.value.close()


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"timestamp":1}', '{"data":[1]}', "<html>", '{"data":{}}']
)
def test_a_broken_recording_is_reported_at_the_start(tmp_path: Path, content: str) -> None:
    """If files were not checked at the start, the error would appear at the first request."""
    (tmp_path / "assets.json").write_text(content)

    with pytest.raises(SettingsError, match=r"assets\.json"):
        replayed_source(tmp_path)


@pytest.mark.parametrize("name", ["assets.json", "assets.json.gz"])
def test_a_gzipped_recording_is_served(tmp_path: Path, name: str) -> None:
    """`curl` without --compressed stores the gzipped response, and users compress files."""
    (tmp_path / name).write_bytes(gzip.compress(f'{{"data": [{COINS}]}}'.encode()))

    with make_server(replayed_source(tmp_path)) as server:
        served = get_json(f"{server.url}/assets")["data"]

    assert ["a", "b", "c"] == [coin["id"] for coin in served]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("assets.json", gzip.compress(b'{"data": []}' * 9, mtime=0)[:-9], "gzip, truncated"),
        ("assets.json.gz", b"\x1f\x8bno", "gzip, bad_encoding"),
        ("history_a_h1.json", b'{"data":[{"time":1},{"time":"1700"}]}', 'time is "1700", not a'),
        ("history_a_h1.json", b'{"data":[{"time":1.5}]}', "time is 1.5, not a number of mill"),
        ("history_a_h1.json", b'{"data":[{"priceUsd":"1"}]}', "time is null, not a number"),
        ("history_a_h1.json", b'{"data":[{"time":true}]}', "time is true, not a number"),
    ],
)
def test_the_message_shows_what_is_wrong_with_a_recording(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    """The message also describes faults in a gzipped file and in the time of a point."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SettingsError, match=name) as caught:
        replayed_source(tmp_path)

    assert words in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """If empty folders were accepted, a typo in --replay would lead to 404 for every request."""
    with pytest.raises(SettingsError, match="No recorded response"):
        replayed_source(tmp_path / "typo")


@pytest.mark.parametrize(
    ("name", "coins"),
    [("v2-2018-08-06", 100), ("v2-2020-01-14", 26), ("v2-2023-03", 5), ("v3-2025-12", 4)],
)
def test_every_recorded_page_is_fetched_unchanged(samples: Path, name: str, coins: int) -> None:
    """Parsing does not change the values in real responses."""
    recorded = json.loads((samples / name / "assets.json").read_text())["data"]

    with (
        make_server(replayed_source(samples / name)) as server,
        CoinCapClient(server.url, retries=QUICK) as client,
    ):
        batch = raw_batch(client.snapshot(coins))

    assert recorded == [document["payload"] for document in batch.documents]
    assert coins == len(batch.documents)


@pytest.mark.parametrize(("interval", "points"), [("h1", 720), ("m5", 288)])
def test_recorded_history_gives_one_document_per_point(
    samples: Path, interval: str, points: int
) -> None:
    """No point is dropped, and no point becomes a dead letter."""
    bounds = datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 4, 1, tzinfo=UTC)

    with (
        make_server(replayed_source(samples / "v2-2023-03")) as server,
        CoinCapClient(server.url, retries=QUICK) as client,
    ):
        batch = history_batch(client.history("bitcoin", interval, *bounds))

    assert (points, 0) == (len(batch.documents), len(batch.dead_letters))
