"""If the source or a setting is missing or wrong, the user sees a sentence with the remedy."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.service import Service
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.processes import free_port
from cryptoassets.settings import load_settings
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform, this_hour

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

KEY = "planted-key-8d1f0c2b7e"


class WithoutHeader:
    """A simulator that, like CoinCap, does not name its source in a header."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, request: Request) -> HttpResponse:
        """Answer as the service does, but without headers."""
        return replace(self._service.answer(request), headers={})


@pytest.fixture(scope="module")
def shared(make_platform: MakePlatform) -> Iterator[Platform]:
    """Stores, which are empty at first, and a source that requires a key."""
    source = simulated_source(api_key=KEY)
    with make_platform(source, COINCAP_API_KEY=KEY) as platform:
        yield platform


@pytest.mark.parametrize(
    ("settings", "fault", "words"),
    [
        (
            {"COINCAP_API_KEY": "wrong-key"},
            None,
            "the API key was refused (HTTP 401: ",
        ),
        (
            {"COINCAP_API_KEY": ""},
            None,
            "the API key is missing (HTTP 401: ",
        ),
        (
            {},
            {
                "kind": "status",
                "status": 403,
                "body": json.dumps({"error": f"Forbidden for {KEY}"}),
            },
            "Forbidden for ***). A retry will not help; set COINCAP_API_KEY to a valid key",
        ),
        (
            {},
            {"kind": "status", "status": 403, "body": '{"error":"Usage limit reached"}'},
            "the month's CoinCap credits are spent",
        ),
        ({}, {"kind": "deprecated"}, "this version of the API is closed"),
        ({}, {"kind": "no_data"}, "returned a response that cannot be read (no_data"),
    ],
)
def test_a_refusal_by_the_source_is_reported_in_one_sentence(
    shared: Platform, settings: dict[str, str], fault: dict[str, Any] | None, words: str
) -> None:
    """The sentence names the asset, the cause and the remedy, and never contains a key."""
    shared.put_faults(*([{"route": "/assets"} | fault] if fault else []))

    finished = shared.with_settings(**settings).command("run")

    assert 1 == finished.code
    assert f"raw/coin_snapshots: GET {shared.source_url}/assets" in finished.text
    assert words in finished.text
    assert "Traceback" not in finished.text
    assert KEY not in finished.text
    assert [] == shared.stores.documents()


_REFUSE_EVENT = """
CREATE OR REPLACE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'; END $$;
CREATE TRIGGER refuse_event BEFORE INSERT ON event_logs FOR EACH ROW
WHEN (NEW.dagster_event_type = 'STEP_FAILURE' AND NEW.event LIKE '%unrecordable%')
EXECUTE FUNCTION refuse_event()
"""


def test_a_failure_that_dagster_cannot_record_fails_the_run(shared: Platform) -> None:
    """On a full disk, `run` once exited with 0, because no event of the failed step was stored."""
    shared.put_faults({"route": "/assets", "kind": "status", "status": 403, "body": "unrecordable"})
    with (
        shared.applied_settings(),
        dagster_instance(),
        psycopg.connect(Stack(load_settings()).postgres_url("dagster"), autocommit=True) as dagster,
    ):
        dagster.execute(_REFUSE_EVENT)
        try:
            finished = shared.command("run")
        finally:
            dagster.execute("DROP TRIGGER refuse_event ON event_logs")

    assert 1 == finished.code, finished.text
    assert "it failed, and PostgreSQL could not record why" in finished.text


def test_an_unreachable_source_is_reported_in_one_sentence(shared: Platform) -> None:
    """Nothing is started, because the platform cannot know whose data the source serves."""
    gone = shared.with_settings(COINCAP_URL=f"http://127.0.0.1:{free_port()}")

    finished = gone.command("run")

    assert 1 == finished.code
    assert finished.text.startswith("Error: The source at COINCAP_URL")
    assert "Start it, or correct COINCAP_URL" in finished.text
    assert "Traceback" not in finished.text


def test_ingest_in_dagster_names_an_unreachable_source(
    shared: Platform,
) -> None:
    """Airflow's log shows this text; the code location still loads without the source."""
    url = f"http://127.0.0.1:{free_port()}"
    gone = shared.with_settings(COINCAP_URL=url)

    failed = gone.execute("ingest", this_hour())

    [step] = [event for event in failed.all_events if event.is_step_failure]
    error = step.step_failure_data.error
    assert error is not None
    assert f"GET {url}/assets" in error.to_string()
    assert "SourceUnavailableError" in error.to_string()


def test_missing_certificates_are_named_without_retries(shared: Platform, tmp_path: Path) -> None:
    """Removing conda may leave REQUESTS_CA_BUNDLE set, but without its file."""
    missing = str(tmp_path / "cacert.pem")
    settings = {"COINCAP_URL": "https://coincap.invalid/v3", "REQUESTS_CA_BUNDLE": missing}

    finished = shared.with_settings(**settings).command("run")

    assert 2 == finished.code, finished.text
    assert f"REQUESTS_CA_BUNDLE names {missing}, which cannot be read" in finished.text
    assert "correct or unset REQUESTS_CA_BUNDLE" in finished.text
    assert "↻" not in finished.text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COINCAP_COINS", "many"),
        ("COINCAP_COINS", "0"),
        ("COINCAP_MONTHLY_CREDITS", "-1"),
        ("POSTGRES_URL", "bigdata_db"),
        ("POSTGRES_URL", "postgresql://me:pl@nted/1@127.0.0.1:5432/bigdata_db"),
        ("COINCAP_API_KEY", "two\nlines"),
    ],
)
def test_a_wrong_setting_exits_with_2(shared: Platform, variable: str, value: str) -> None:
    """The message names the variable, never a value that may be secret."""
    shared.put_faults()

    finished = shared.with_settings(**{variable: value}).command("run")

    assert 2 == finished.code, finished.text
    assert variable in finished.text
    assert "Traceback" not in finished.text
    assert "nted" not in finished.text


def test_the_key_is_in_no_event_and_in_no_document(shared: Platform, stack: Stack) -> None:
    """Neither a successful fetch nor a refused one records the key."""
    shared.put_faults()
    good = shared.execute("ingest", this_hour())
    shared.put_faults(
        {"kind": "status", "status": 403, "body": json.dumps({"error": f"Forbidden for {KEY}"})}
    )
    refused = shared.execute("ingest", this_hour())

    with shared.applied_settings(), dagster_instance() as instance:
        events = [
            str(record) for run in (good, refused) for record in instance.all_logs(run.run_id)
        ]
    kept = str([shared.stores.documents(name) for name in ("coin_snapshots", "dead_letters")])

    assert (True, False) == (good.success, refused.success)
    assert len(events) > 20
    assert [] == [text for text in (*events, kept) if KEY in text]


def test_coincap_data_is_refused_if_the_stores_hold_simulated_data(shared: Platform) -> None:
    """Mixed prices could never be separated again."""
    shared.put_faults()
    shared.execute("ingest", this_hour())
    before = shared.stores.documents()
    with make_server(WithoutHeader(simulated_source())) as coincap:
        finished = shared.with_settings(COINCAP_URL=coincap.url).command("run")

    assert 1 == finished.code
    assert "data of source 'coincap' would mix with it" in finished.text
    assert "set MONGO_URL, MONGO_DATABASE and POSTGRES_URL to separate databases" in (finished.text)
    assert before == shared.stores.documents()
