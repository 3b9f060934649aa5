"""Promises of `run --every`: one process, batch after batch, outlives a fault and ends well."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cryptoassets_tests.e2e.platforms import Finished, Platform, this_hour

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

_LONGEST_SECONDS = 240
_COINS = 100


@dataclass(frozen=True)
class Loop:
    """A loop that was stopped by a signal, and how long it took to end then."""

    finished: Finished
    seconds_to_end: float


def loop_until(platform: Platform, is_enough: Callable[[], bool]) -> Loop:
    """Run a loop, a cycle a second, until something is so; then stop it as Ctrl-C does."""
    asked_at = [time.monotonic()]
    has_ended = threading.Event()

    def stop_then() -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not is_enough() and time.monotonic() < deadline:
            if has_ended.wait(0.1):
                return
        asked_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop_then)
    stopper.start()
    finished = platform.command("run", "--every", "1")
    ended_at = time.monotonic()
    has_ended.set()
    stopper.join()
    return Loop(finished, ended_at - asked_at[-1])


_REFUSE_OLD_HOUR = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'not this hour'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON warehouse.coin_prices FOR EACH ROW
    WHEN (NEW.observed_at < now() - interval '90 minutes') EXECUTE FUNCTION refuse()
"""


def _await_a_minute_of_this_hour() -> None:
    """In the next hour the loop would rightly try the hour left behind again."""
    seconds_left = 3600 - time.time() % 3600
    if seconds_left < 60:
        time.sleep(seconds_left + 1)


def test_batches_follow_each_other_through_faults_until_ctrl_c(platform: Platform) -> None:
    """An empty answer costs one cycle, and so does an hour left behind that cannot be published.

    It is tried once an hour, not before each batch, and is there for the run that can.
    """
    _await_a_minute_of_this_hour()
    shift = {"route": "/assets", "kind": "timestamp", "shift_ms": -2 * 3_600_000}
    platform.put_faults(shift)
    assert platform.execute("ingest", this_hour()).success
    platform.put_faults({"route": "/assets", "kind": "empty", "after": 1, "times": 1})
    platform.stores.rows(_REFUSE_OLD_HOUR)

    loop = loop_until(
        platform, lambda: platform.stores.count("warehouse.coin_prices") >= 4 * _COINS
    )

    text = loop.finished.text
    assert 130 == loop.finished.code, text
    assert len(re.findall(r"100 documents new, 100 rows written, answer to row", text)) >= 2
    assert "not this hour" in text
    # One more if the clock struck meanwhile.
    assert 2 <= len(re.findall(r"✗ \d\d:\d\d:\d\d", text)) <= 3, text
    assert re.search(r"cycles, [23] of them failed; [2-9]00 documents new", text)
    assert loop.seconds_to_end < 30
    platform.stores.rows("DROP FUNCTION refuse CASCADE")
    unprocessed = platform.command("run")
    audit = platform.command("audit")
    assert (0, 0) == (unprocessed.code, audit.code), audit.text
    hours = platform.stores.rows("SELECT count(*) FROM warehouse.loads WHERE loaded_rows > 0")
    assert hours >= [(2,)]


def test_a_loop_ends_at_once_when_no_later_cycle_can_help(platform: Platform) -> None:
    """Sixty refused calls an hour would look like an attack on the source."""
    platform.put_faults({"route": "/assets", "kind": "status", "status": 401})

    finished = platform.command("run", "--every", "1")

    assert 1 == finished.code
    assert "BadKeyError: a later cycle would not get past it" in finished.text
    assert "1 cycles, 1 of them failed" in finished.text


def test_batches_keep_to_the_credits_of_the_month(platform: Platform) -> None:
    """A fetch a minute spends the free plan in a day and a half."""
    platform.stores.rows("INSERT INTO warehouse.credits VALUES (now(), '/assets', 4000, 4000)")

    loop = loop_until(platform, lambda: len(platform.stores.documents("snapshot_fetches")) > 1)

    assert "skipped: credits, next fetch at" in loop.finished.text
    assert [] == platform.stores.documents()


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_a_pause_that_is_none_is_refused(platform: Platform, seconds: str) -> None:
    """Exit code 2 is misuse."""
    finished = platform.command("run", "--every", seconds)

    assert 2 == finished.code
