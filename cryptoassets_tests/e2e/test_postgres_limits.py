"""If others hold a lock or all connections of PostgreSQL, a run fails and changes nothing.

The error is clear, and a later run succeeds. These are tests of row 17 in `docs/reliability.md`.
The faults are real: other sessions hold the lock or the connections.
"""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from cryptoassets_tests.e2e.platforms import MakePlatform, Platform, this_hour
from cryptoassets_tests.e2e.stores import Dump

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres, pytest.mark.timeout(400)]

LOCK = "LOCK TABLE warehouse.coin_prices IN ACCESS EXCLUSIVE MODE"


@pytest.fixture(scope="module")
def fetched(make_platform: MakePlatform) -> Iterator[tuple[Platform, str]]:
    """A platform with an hour that is fetched but not processed, and the key of that hour."""
    with make_platform(COINCAP_COINS="5") as platform:
        hour = this_hour()
        assert platform.execute("ingest", hour).success
        yield platform, hour


def published(platform: Platform) -> Dump:
    """The tables that a publication of prices writes in one transaction."""
    dump = platform.stores.dump()
    return {name: dump[name] for name in ("warehouse.coin_prices", "warehouse.quarantine")}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("lock_timeout", "another transaction holds the lock; retry after it has ended"),
        (
            "statement_timeout",
            "the statement was cancelled or took too long; retry when the server is less",
        ),
    ],
)
def test_a_publication_that_waits_too_long_for_a_lock_fails_and_changes_nothing(
    fetched: tuple[Platform, str], option: str, words: str
) -> None:
    """Someone locks the table by hand for longer than the session's time limit."""
    platform, hour = fetched
    before = published(platform)
    limited = platform.with_settings(
        POSTGRES_URL=f"{platform.stores.postgres_url}?options=-c%20{option}%3D500ms"
    )

    with psycopg.connect(platform.stores.postgres_url) as reader:
        reader.execute(LOCK)
        result = limited.execute("process", hour)

    assert not result.success
    failures = [event.step_failure_data.error for event in result.get_step_failure_events()]
    assert words in str(failures)
    assert before == published(platform)


def test_a_server_without_a_free_connection_is_reported_in_one_sentence(
    fetched: tuple[Platform, str],
) -> None:
    """Another program's pool has taken all connections; the message names the limit to raise."""
    platform, _ = fetched

    with ExitStack() as others:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                url = platform.stores.postgres_url
                others.enter_context(psycopg.connect(url, autocommit=True))
        finished = platform.command("run")

    assert 1 == finished.code
    assert "close other connections, or raise max_connections" in finished.text
    assert "Traceback" not in finished.text


def test_the_next_run_succeeds(fetched: tuple[Platform, str]) -> None:
    """Nobody has to repair anything after these faults."""
    platform, _ = fetched

    run, audit = platform.command("run"), platform.command("audit")

    assert (0, 0) == (run.code, audit.code), run.text + audit.text
