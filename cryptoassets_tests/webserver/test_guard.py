"""The guard accepts requests of Dagster's own page and of programs, but not of other pages."""

from http.client import HTTPConnection
from socket import create_connection
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cryptoassets_tests.webserver.conftest import PAUSE, Page

JSON = {"Content-Type": "application/json"}
BODY = '{"query": "' + PAUSE + '"}'
BY_URL = f"/graphql?query={quote(PAUSE)}"
EVIL = "http://evil.example"


def status(
    page: Page, method: str, path: str, headers: dict[str, str], body: str | None = None
) -> int:
    """Send a request with these headers, which may include `Host`; return the response's status."""
    connection = HTTPConnection(page.address, timeout=20)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", BY_URL, {}, 405),
        ("HEAD", BY_URL, {}, 405),
        ("POST", BY_URL, {}, 415),
        ("POST", "/graphql", {"Content-Type": "text/plain"}, 415),
        ("POST", "/graphql", {"Content-Type": "text/plain; application/json"}, 415),
        ("POST", "/graphql", {"Content-Type": "application/graphql"}, 415),
        ("POST", "/graphql", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/graphql", JSON | {"Origin": EVIL}, 403),
        ("POST", "/graphql", JSON | {"Origin": "null"}, 403),
        ("POST", "/graphql", JSON | {"Origin": "http://127.0.0.1:1"}, 403),
        ("POST", "/graphql", JSON | {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", "/graphql", JSON | {"Host": "evil.example"}, 400),
        ("POST", "/graphql", JSON | {"Host": "evil.example", "Origin": EVIL}, 400),
        ("OPTIONS", "/graphql", {"Origin": EVIL, "Access-Control-Request-Method": "POST"}, 403),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", "/report_asset_materialization/raw/rates", JSON, 404),
        ("POST", "/report_asset_check/raw/rates?check_name=a&passed=true", JSON, 404),
        ("POST", "/report_asset_observation/raw/rates", JSON, 404),
    ],
)
def test_requests_that_a_web_page_could_send_are_refused(
    page: Page, method: str, path: str, headers: dict[str, str], expected: int
) -> None:
    """Otherwise any page in the user's browser could launch runs and wipe assets."""
    assert expected == status(page, method, path, headers, BODY if method == "POST" else None)
    assert not page.is_paused()


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "[::1]:3000"])
def test_the_page_opens_under_each_name_of_this_machine(page: Page, host: str) -> None:
    """An SSH tunnel may use any of these names."""
    assert 200 == status(page, "GET", "/", {"Host": host})


def test_dagsters_own_page_may_send_mutations(page: Page) -> None:
    """The browser adds an `Origin` header to the page's own POST requests, too."""
    own = {"Origin": f"http://{page.address}", "Sec-Fetch-Site": "same-origin"}
    body = '{"query": "mutation{setAutoMaterializePaused(paused:false)}"}'

    assert 200 == status(page, "POST", "/graphql", JSON | own, body)


def test_a_link_from_another_site_opens_the_page(page: Page) -> None:
    """Such links are, for example, Airflow's button and the links in alerts."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert 200 == status(page, "GET", "/runs", link | {"Sec-Fetch-Dest": "document"})
    assert 403 == status(page, "GET", "/runs", link | {"Sec-Fetch-Dest": "iframe"})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": EVIL}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 400),
    ],
)
def test_a_websocket_from_another_origin_is_refused(
    page: Page, headers: dict[str, str], expected: int
) -> None:
    """WebSockets have no same-origin policy, so any page could read the events of every run."""
    with pytest.raises(InvalidStatus) as refused, open_socket(page, headers):
        pass

    assert expected == refused.value.response.status_code


def test_dagsters_own_websocket_is_served(page: Page) -> None:
    """Dagster's page receives new events over a WebSocket."""
    with open_socket(page, {"Origin": f"http://{page.address}"}) as socket:
        socket.send('{"type": "connection_init"}')

        assert "connection_ack" in socket.recv(timeout=20)


def open_socket(page: Page, headers: dict[str, str]) -> connect:
    """Open Dagster's WebSocket with these headers; a `Host` header replaces the real one."""
    host = headers.get("Host", page.address)
    others = {name: text for name, text in headers.items() if name != "Host"}
    return connect(
        f"ws://{host}/graphql",
        sock=create_connection(("127.0.0.1", page.port)),
        additional_headers=others,
        subprotocols=["graphql-ws"],
        open_timeout=20,
        proxy=None,
    )
