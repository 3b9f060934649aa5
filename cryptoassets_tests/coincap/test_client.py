"""The client's requests, pages and credits, tested with the simulator."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.coincap_server.server import SourceServer, make_server
from cryptoassets.coincap_server.sources import replayed_source, simulated_source
from cryptoassets.errors import BadKeyError, SettingsError, SourceUnavailableError
from cryptoassets_tests.coincap.conftest import QUICK
from cryptoassets_tests.coincap_server.fixtures import (
    PlanFaults,
    UnnamedSimulator,
    get_json,
    put_faults,
)

T0 = datetime(2026, 1, 5, tzinfo=UTC)


class Ledger:
    """Records reserved and counted credits."""

    def __init__(self) -> None:
        """Start empty."""
        self.reserved: list[tuple[str, int]] = []
        self.counted: dict[int, int] = {}

    def reserve(self, route: str, estimated: int) -> int:
        """Record the call; return its index as its ticket."""
        self.reserved.append((route, estimated))
        return len(self.reserved) - 1

    def count(self, ticket: int, counted: int) -> None:
        """Record the call's counted credits."""
        self.counted[ticket] = counted


def test_unreadable_certificates_raise_a_settings_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error is raised when the client is created, before any request is sent."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/no/such/cacert.pem")

    with pytest.raises(SettingsError, match=r"CURL_CA_BUNDLE names /no/such/cacert\.pem"):
        CoinCapClient("https://coincap.invalid/v3")


def test_a_snapshot_contains_the_top_coins_unchanged(client: CoinCapClient) -> None:
    """There is one call, strings stay strings, and the snapshot names its source."""
    snapshot = client.snapshot(100)

    batch = raw_batch(snapshot)
    assert (100, 0, 1) == (len(batch.documents), len(batch.dead_letters), len(batch.fetches))
    assert "simulator" == snapshot.source
    assert {str} == {type(doc["payload"]["priceUsd"]) for doc in batch.documents}


def test_a_short_page_is_recorded_with_all_coins_asked_for(client: CoinCapClient) -> None:
    """The source has 152 coins, but a request for 2,500 must be recorded as 2,500."""
    (fetch,) = raw_batch(client.snapshot(2500)).fetches

    assert (2500, 152) == (fetch["coins_asked"], fetch["coins_received"])


@pytest.fixture
def many_coins(tmp_path: Path) -> Iterator[SourceServer]:
    """A source with 4,100 recorded coins: two full pages and a short one."""
    coins = [{"id": f"coin-{number}"} for number in range(4100)]
    (tmp_path / "assets.json").write_text(json.dumps({"timestamp": 1, "data": coins}))
    with make_server(replayed_source(tmp_path)) as server:
        yield server


@pytest.mark.parametrize(
    ("coins", "asked"),
    [
        (2000, [(0, 2000)]),
        (2001, [(0, 2000), (2000, 1)]),
        (4100, [(0, 2000), (2000, 2000), (4000, 100)]),
        (5000, [(0, 2000), (2000, 2000), (4000, 1000)]),
    ],
)
def test_pages_follow_each_other_by_offset(
    many_coins: SourceServer, coins: int, asked: list[tuple[int, int]]
) -> None:
    """No coin is repeated or missing. The last page records all remaining coins as requested."""
    with CoinCapClient(many_coins.url) as client:
        batch = raw_batch(client.snapshot(coins))

    assert asked == [(fetch["offset"], fetch["coins_asked"]) for fetch in batch.fetches]
    assert min(coins, 4100) == len({document["coin_id"] for document in batch.documents})
    assert not any(fetch["is_repeated"] for fetch in batch.fetches)


def test_a_repeated_page_marks_each_record_of_the_fetch(many_coins: SourceServer) -> None:
    """4,000 rows with 2,000 different coins must not count as 4,000 coins."""
    put_faults(many_coins.url, {"route": "/assets", "kind": "repeat_page"})

    with CoinCapClient(many_coins.url) as client:
        batch = raw_batch(client.snapshot(4000))

    assert [True, True] == [fetch["is_repeated"] for fetch in batch.fetches]


def test_a_cut_page_is_recorded_with_the_number_of_coins_asked_for(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """If only 30 of 100 coins arrive, the record must still show 100 as requested."""
    plan_faults({"kind": "cut", "coins": 30})

    (fetch,) = raw_batch(client.snapshot(100)).fetches

    assert (100, 30) == (fetch["coins_asked"], fetch["coins_received"])


def test_history_is_requested_with_both_bounds_and_excludes_the_end(client: CoinCapClient) -> None:
    """No point is lost or duplicated where two windows touch."""
    first = client.history("bitcoin", "h1", T0, T0 + timedelta(hours=3))
    second = client.history("bitcoin", "h1", T0 + timedelta(hours=3), T0 + timedelta(hours=5))

    times = [item.value["time"] for item in (*first.items, *second.items)]
    assert [int(T0.timestamp() * 1000) + hour * 3_600_000 for hour in range(5)] == times
    assert f"start={int(T0.timestamp() * 1000)}&end=" in first.response.url


def test_an_unknown_interval_is_refused_before_any_call(client: CoinCapClient) -> None:
    """A typo must not cost credits."""
    with pytest.raises(SettingsError, match="'h3'"):
        client.history("bitcoin", "h3", T0, T0 + timedelta(hours=1))


def test_rates_keep_their_unicode_ids(client: CoinCapClient) -> None:
    """Ids of rates contain accents and parentheses."""
    ids = {item.value["id"] for item in client.listing("/rates", (), 200).items}

    assert {"são-tomé-and-príncipe-dobra-(pre-2018)", "chinese-yuan-(offshore)"} <= ids


def test_the_key_is_sent_as_a_bearer_token() -> None:
    """Proxies log URLs, so the key must not be sent as `?apiKey=`."""
    with make_server(simulated_source(api_key="k3y")) as server:
        with CoinCapClient(f"{server.url}/v3", api_key="k3y") as client:
            assert 5 == len(client.snapshot(5).pages[0].items)
        with CoinCapClient(server.url) as client, pytest.raises(BadKeyError, match="is missing"):
            client.snapshot(5)


def test_a_netrc_entry_does_not_replace_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requests` may use the entry to replace the header that contains the key.

    The server listens on 127.0.0.2, because the client ignores ~/.netrc for 127.0.0.1.
    """
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")
    app = simulated_source(api_key="k")

    with (
        make_server(app, host="127.0.0.2") as server,
        CoinCapClient(server.url, api_key="k") as client,
    ):
        assert client.snapshot(1).pages


def test_a_proxy_from_the_environment_is_ignored_for_loopback(
    source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulator must be reachable on a machine behind a company's proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    with CoinCapClient(source.url, retries=QUICK) as client:
        assert client.snapshot(1).pages


def test_asking_for_the_kind_of_source_is_not_counted_as_a_call(
    client: CoinCapClient, count_calls: Callable[[], dict[str, dict[str, int]]]
) -> None:
    """Each start asks for the kind of source, which determines the stores to use."""
    assert "simulator" == client.source_kind()
    assert {} == count_calls()["calls"]


def test_coincap_is_recognized_by_its_host_name() -> None:
    """No call is made, so no credits and no network are needed."""
    with CoinCapClient("https://rest.coincap.io/v3", api_key="k") as client:
        assert "coincap" == client.source_kind()


def test_asking_an_unreachable_server_for_its_kind_raises_an_error() -> None:
    """If such a server counted as CoinCap, simulated and real data could be mixed."""
    with (
        CoinCapClient("http://127.0.0.1:9", retries=QUICK) as client,
        pytest.raises(SourceUnavailableError, match="refused the connection"),
    ):
        client.source_kind()


def test_the_simulator_costs_no_credits(source: SourceServer) -> None:
    """The simulator's calls are recorded in the ledger with 0 credits."""
    ledger = Ledger()

    with CoinCapClient(source.url, credits=ledger) as client:
        client.snapshot(100)

    assert [("/assets", 18)] == ledger.reserved
    assert {0: 0} == ledger.counted


def test_each_retry_is_counted_as_a_call(source: SourceServer, plan_faults: PlanFaults) -> None:
    """CoinCap counts failed calls, so the ledger must count them, too."""
    ledger = Ledger()
    plan_faults({"kind": "status", "status": 500, "times": 2}, {"kind": "reset", "times": 0})

    with CoinCapClient(source.url, credits=ledger, retries=QUICK) as client:
        client.snapshot(100)

    assert 3 == len(ledger.reserved) == len(ledger.counted)


def test_an_incomplete_response_is_counted_in_full() -> None:
    """CoinCap charges incomplete responses in full; the response to the retry shows the cost."""
    ledger = Ledger()
    faults = (
        {"kind": "truncated_gzip", "after": 1, "times": 2},
        {"kind": "bad_length", "after": 2, "times": 1},
    )

    with make_server(UnnamedSimulator()) as server:
        put_faults(server.url, *faults)
        with CoinCapClient(server.url, credits=ledger, retries=QUICK) as client:
            for days in (1, 30, 3):
                client.history("bitcoin", "h1", T0, T0 + timedelta(days=days))
        counted = get_json(f"{server.url}/calls")["credits"]

    assert 6 == len(ledger.counted)
    assert {"/assets/{slug}/history": sum(ledger.counted.values())} == counted


def test_the_estimate_is_close_to_the_credits_that_the_simulator_counts(
    client: CoinCapClient, count_calls: Callable[[], dict[str, dict[str, int]]]
) -> None:
    """The estimate determines whether a call is made."""
    client.history("bitcoin", "h1", T0, T0 + timedelta(days=30))

    assert 41 == pytest.approx(count_calls()["credits"]["/assets/{slug}/history"], abs=2)


def test_responses_are_sent_compressed(source: SourceServer) -> None:
    """2,000 coins are 800 kB uncompressed; CoinCap compresses its responses, too."""
    with CoinCapClient(source.url) as client:
        response = client.snapshot(100).pages[0].response

    assert "gzip" == response.headers["content-encoding"]
    assert len(gzip.compress(response.body)) < int(response.headers["content-length"]) * 1.5


def test_the_client_needs_no_numpy() -> None:
    """Every Dagster process imports the client; only the simulator needs numpy."""
    code = "import sys, cryptoassets.coincap.client; print('numpy' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == found.stdout.strip()
