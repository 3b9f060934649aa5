"""The HTTP server, and the features that all kinds of sources share."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from cryptoassets.coincap_server.server import SourceServer, make_server
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.errors import SettingsError
from cryptoassets_tests.coincap_server.fixtures import PlanFaults, get_json


def status_and_source(url: str) -> tuple[int, str | None]:
    """GET a URL; return the status and the source header of the response."""
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, response.headers["X-Cryptoassets-Source"]
    except HTTPError as error:
        with error:
            return error.code, error.headers["X-Cryptoassets-Source"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/assets", 200),
        ("/v3/assets", 200),
        ("/v3/assets/bitcoin", 200),
        ("/rates", 200),
        ("/health", 200),
        ("/v3/health", 200),
        ("/calls", 200),
        ("/assets/asdf", 404),
        ("/nowhere", 404),
        ("/v3", 404),
        ("/assets?limit=2001", 400),
        ("/assets?offset=-1", 400),
        ("/assets/bitcoin/history", 400),
        ("/assets/bitcoin/history?interval=h1&start=1", 400),
    ],
)
def test_every_response_names_its_source(source: SourceServer, path: str, status: int) -> None:
    """Errors have the header, too: a response without the header counts as CoinCap's."""
    assert (status, "simulator") == status_and_source(source.url + path)


def test_a_source_with_a_key_answers_only_health_checks_without_it() -> None:
    """Health checks do not send a key."""
    with make_server(simulated_source(api_key="k")) as server:
        assert (401, "simulator") == status_and_source(f"{server.url}/assets")
        assert (200, "simulator") == status_and_source(f"{server.url}/health")


def test_the_response_for_an_unknown_coin_is_like_coincaps(source: SourceServer) -> None:
    """The body has the recorded form, with error and timestamp."""
    with pytest.raises(HTTPError) as caught:
        get_json(f"{source.url}/assets/asdf")

    body = json.load(caught.value)
    caught.value.close()
    assert "asdf not found" == body["error"]
    assert isinstance(body["timestamp"], int)


def test_calls_and_credits_are_counted_by_route(source: SourceServer) -> None:
    """Other tests compare the client's ledger with this count."""
    for path in ("/assets?limit=2", "/assets/bitcoin", "/assets?limit=2"):
        get_json(source.url + path)

    counted = get_json(f"{source.url}/calls")

    assert {"/assets": 2, "/assets/{slug}": 1} == counted["calls"]
    assert {"/assets": 4, "/assets/{slug}": 2} == counted["credits"]


def test_a_rule_applies_only_to_its_route_and_number_of_calls(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """Tests can choose exactly which call fails."""
    plan_faults(
        {"route": "/assets/{slug}", "kind": "status", "status": 503, "after": 1, "times": 1}
    )

    statuses = [status_and_source(f"{source.url}/assets/bitcoin")[0] for _ in range(3)]

    assert [200, 503, 200] == statuses
    assert 200 == status_and_source(f"{source.url}/assets")[0]


def test_faults_are_cleared_by_delete(source: SourceServer, plan_faults: PlanFaults) -> None:
    """After a demonstration the server can be restored to normal."""
    plan_faults({"kind": "status", "status": 500})

    request = urllib.request.Request(f"{source.url}/faults", method="DELETE")
    urllib.request.urlopen(request).close()

    assert 200 == status_and_source(f"{source.url}/assets")[0]
    assert [] == get_json(f"{source.url}/faults")


@pytest.mark.parametrize("rules", [b"{", b"{}", b'[{"kind":"typo"}]', b"[1]"])
def test_a_wrong_rule_is_refused(source: SourceServer, rules: bytes) -> None:
    """If wrong rules were ignored, a test with a typo could pass without testing anything."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{source.url}/faults", rules, headers, method="PUT")

    with pytest.raises(HTTPError, match="400") as caught:
        urllib.request.urlopen(request)

    caught.value.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_a_web_page_cannot_put_or_clear_faults(
    source: SourceServer, plan_faults: PlanFaults, headers: dict[str, str], status: int
) -> None:
    """The simulator needs no key, and a page in the user's browser can reach it."""
    plan_faults({"kind": "status", "status": 500, "route": "/rates"})
    connection = HTTPConnection(urlsplit(source.url).netloc)
    responses = {}
    for method, body in (("PUT", "[]"), ("DELETE", None)):
        connection.request(method, "/faults", body, {"Content-Type": "application/json"} | headers)
        response = connection.getresponse()
        response.read()
        responses[method] = response.status
        if "Content-Type" in headers:
            break
    connection.close()

    assert {status} == set(responses.values())
    assert 1 == len(get_json(f"{source.url}/faults"))


def test_a_shift_is_added_to_the_real_timestamp(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """A response whose timestamp is an hour later belongs to another partition."""
    plan_faults({"kind": "timestamp", "shift_ms": 3_600_000, "times": 1})

    shifted, true = (get_json(f"{source.url}/assets")["timestamp"] for _ in range(2))

    assert 3_600_000 == pytest.approx(shifted - true, abs=2000)


def test_one_connection_serves_many_calls(source: SourceServer) -> None:
    """A backfill makes thousands of calls."""
    connection = HTTPConnection(urlsplit(source.url).netloc)
    for _ in range(3):
        connection.request("GET", "/assets?limit=1")
        response = connection.getresponse()
        response.read()
        assert 200 == response.status
    connection.close()


def response_on(connection: HTTPConnection) -> HTTPResponse:
    """Send another request on an open connection."""
    connection.request("GET", "/health")
    return connection.getresponse()


def test_a_stopped_source_does_not_answer() -> None:
    """A keep-alive connection must not outlive the server."""
    with make_server(simulated_source()) as server:
        connection = HTTPConnection(urlsplit(server.url).netloc, timeout=2)
        connection.request("GET", "/health")
        connection.getresponse().read()

    # Whether sending or receiving fails first depends on the kernel's timing.
    with pytest.raises((OSError, HTTPException)):
        response_on(connection)
    connection.close()


def test_many_clients_are_answered_at_once(source: SourceServer) -> None:
    """A lock protects only the counts; responses are computed at the same time."""
    threads = [
        threading.Thread(target=get_json, args=(f"{source.url}/assets?limit=1",)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"/assets": 8} == get_json(f"{source.url}/calls")["calls"]


def test_a_used_port_is_reported(source: SourceServer) -> None:
    """The error names the option that chooses another port."""
    port = urlsplit(source.url).port or 0

    with pytest.raises(SettingsError, match=f"Port {port} .* --port"):
        make_server(simulated_source(), port)


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start `run_source` in a separate process."""
    code = (
        "import sys; from pathlib import Path; "
        "from cryptoassets.coincap_server.sources import run_source; "
        f"run_source(*{arguments!r}, lambda url: print(url, flush=True))"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_source_serves_until_it_receives_a_signal(number: signal.Signals) -> None:
    """Compose sends SIGTERM, Ctrl-C sends SIGINT; both stop the source at once and cleanly."""
    with started(0, None, False, 0, None) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        status = status_and_source(f"{url}/assets?limit=1")
        process.send_signal(number)

        assert (200, "simulator") == status
        assert 0 == process.wait(timeout=5)


def test_the_docstring_of_faults_lists_every_kind() -> None:
    """The docstring is the only documentation of the kinds."""
    from cryptoassets.coincap_server import faults  # noqa: PLC0415 - the module is the subject

    assert faults.__doc__ is not None
    assert [] == [kind for kind in faults.KINDS if kind not in faults.__doc__]
