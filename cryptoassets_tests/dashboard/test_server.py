"""Pages from other origins can neither read the dashboard nor control it."""

import subprocess
import sys

import pytest
import requests

pytestmark = pytest.mark.postgres

FOREIGN = "http://evil.example"
SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/_stcore/stream", SOCKET, 101),
        ("/", {"Host": "evil.example"}, 400),
        ("/_stcore/health", {"Origin": FOREIGN}, 403),
        ("/_stcore/health", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("/_stcore/stream", SOCKET | {"Origin": FOREIGN}, 403),
        ("/_stcore/stream", SOCKET | {"Host": "evil.example", "Origin": FOREIGN}, 400),
    ],
    ids=["page", "socket", "rebinding", "fetch", "no-cors", "foreign socket", "rebound socket"],
)
def test_only_requests_from_the_dashboards_own_page_are_accepted(
    dashboard: str, path: str, headers: dict[str, str], status: int
) -> None:
    """The dashboard has no log-in, and any website in the user's browser can send it requests."""
    with requests.get(f"{dashboard}{path}", headers=headers, timeout=20, stream=True) as response:
        assert status == response.status_code


def test_the_command_names_the_extra_that_is_not_installed() -> None:
    """A traceback about a missing module would not say what to install."""
    script = (
        "import sys; sys.modules['streamlit'] = None; sys.argv = ['cryptoassets', 'dashboard']; "
        "from cryptoassets.cli import main; main()"
    )

    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert 2 == completed.returncode
    assert "pip install 'cryptoassets[dashboard]'" in completed.stderr
