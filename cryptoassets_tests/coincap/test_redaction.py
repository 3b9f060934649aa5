"""The API key must not appear in errors, logs or documents."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from traceback import TracebackException

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import dead_letter_of
from cryptoassets.coincap.redaction import BearerKey, public_url
from cryptoassets.coincap_server.server import SourceServer, make_server
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.errors import MalformedResponseError, SourceError
from cryptoassets_tests.coincap.conftest import QUICK
from cryptoassets_tests.coincap_server.fixtures import PlanFaults

KEY = "planted-7f3a9c51"


@pytest.fixture
def source() -> Iterator[SourceServer]:
    """A server that accepts every key."""
    with make_server(simulated_source(api_key=None)) as server:
        yield server


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "status", "status": 401, "body": f"no such key: {KEY}"},
        {"kind": "status", "status": 500, "body": f"Authorization: Bearer {KEY}"},
        {"kind": "status", "status": 400, "body": f"/assets?apiKey={KEY}&limit=1"},
        {"kind": "reset"},
        {"kind": "html"},
        {"kind": "bad_length"},
    ],
    ids=str,
)
def test_no_error_traceback_or_log_shows_the_key(
    source: SourceServer,
    plan_faults: PlanFaults,
    caplog: pytest.LogCaptureFixture,
    rule: dict[str, object],
) -> None:
    """Messages are shown in events, logs and web pages, and a server may echo a wrong key."""
    caplog.set_level(logging.DEBUG)
    plan_faults(rule)

    with (
        CoinCapClient(f"{source.url}/v3", api_key=KEY, retries=QUICK) as client,
        pytest.raises(SourceError) as caught,
    ):
        client.snapshot(1)

    # Leave out this test's own frame, whose variables contain the key.
    trace = caught.value.__traceback__
    assert trace is not None
    shown = TracebackException(
        type(caught.value), caught.value, trace.tb_next, capture_locals=True
    ).format()
    assert KEY not in "".join(shown) + caplog.text + repr(client.__dict__)
    assert caught.value.__cause__ is None


def test_a_dead_letter_does_not_contain_an_echoed_key(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """More people can read the lake than the settings."""
    plan_faults({"kind": "patch", "coins": {"bitcoin": {"text": f'{{"key": {KEY}'}}})

    with CoinCapClient(source.url, api_key=KEY, retries=QUICK) as client:
        with pytest.raises(MalformedResponseError) as caught:
            client.snapshot(1)
        letter = dead_letter_of(caught.value, client.last_url, datetime.now(UTC))

    assert KEY not in str(letter)
    assert "***" in letter["body"]


@pytest.mark.parametrize(
    "text",
    [
        f"x {KEY} y",
        f"?apiKey={KEY}",
        "?apiKey=another-one",
        "Bearer another-one",
        "APIKEY=another-one",
    ],
)
def test_a_key_is_masked_as_parameter_and_as_bearer_token(text: str) -> None:
    """CoinCap also accepts `?apiKey=`, so a URL may contain the key."""
    shown = BearerKey(KEY).redacted(text)

    assert "***" in shown
    assert KEY not in shown
    assert "another-one" not in shown


def test_a_url_is_shown_without_user_and_password() -> None:
    """A base URL may contain the password of a proxy."""
    assert "https://host/v3?apiKey=***&a=1" == public_url("https://me:pw@host/v3?apiKey=k&a=1")
