"""`run --every` runs batch after batch in one process, survives faults and stops cleanly."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cryptoassets_tests.e2e.platforms import CommandResult, Platform, this_hour

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

_MAX_SECONDS = 240
_COINS = 100


@dataclass(frozen=True)
class Loop:
    """The result of a loop that a signal stopped, and how long it took to end after the signal."""

    finished: CommandResult
    seconds_to_end: float


def loop_until(platform: Platform, is_enough: Callable[[], bool]) -> Loop:
    """Run a loop with one cycle per second until a condition holds; then send SIGINT."""
    asked_at = [time.monotonic()]
    has_ended = threading.Event()

    def stop_when_enough() -> None:
        deadline = time.monotonic() + _MAX_SECONDS
        while not is_enough() and time.monotonic() < deadline:
            if has_ended.wait(0.1):
                return
        asked_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop_when_enough)
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


def test_a_loop_continues_after_faults_and_ends_at_ctrl_c(platform: Platform) -> None:
    """One cycle fails with an empty response, another with an earlier hour that it cannot publish.

    The loop tries the earlier hour only once per hour, not in each cycle. A later run publishes it.
    """
    # In the next hour, the loop would correctly try the earlier hour again.
    hour = this_hour()
    shift = {"route": "/assets", "kind": "timestamp", "shift_ms": -2 * 3_600_000}
    platform.put_faults(shift)
    assert platform.execute("ingest", hour).success
    platform.put_faults({"route": "/assets", "kind": "empty", "after": 1, "times": 1})
    platform.stores.rows(_REFUSE_OLD_HOUR)

    loop = loop_until(
        platform, lambda: platform.stores.count("warehouse.coin_prices") >= 4 * _COINS
    )

    text = loop.finished.text
    assert 130 == loop.finished.code, text
    assert text.endswith("Stopped.")
    assert len(re.findall(r"100 documents new, 100 rows written, answer to row", text)) >= 2
    assert "not this hour" in text
    # A third cycle fails if a new hour has begun in the meantime.
    assert 2 <= len(re.findall(r"✗ \d\d:\d\d:\d\d", text)) <= 3, text
    assert re.search(r"cycles, [23] of them failed; [2-9]00 documents new", text)
    assert loop.seconds_to_end < 30
    platform.stores.rows("DROP FUNCTION refuse CASCADE")
    unprocessed = platform.command("run")
    audit = platform.command("audit")
    assert (0, 0) == (unprocessed.code, audit.code), audit.text
    hours = platform.stores.rows("SELECT count(*) FROM warehouse.loads WHERE loaded_rows > 0")
    assert hours >= [(2,)]


def test_a_permanent_error_ends_the_loop(platform: Platform) -> None:
    """The source may block a client that keeps repeating a refused call."""
    platform.put_faults({"route": "/assets", "kind": "status", "status": 401})

    finished = platform.command("run", "--every", "1")

    assert 1 == finished.code
    assert "BadKeyError: later cycles would fail, too" in finished.text
    assert "1 cycle, 1 of them failed" in finished.text


def test_a_loop_keeps_to_the_pace_of_the_months_credits(platform: Platform) -> None:
    """One fetch per minute would spend the free plan's monthly credits in less than four hours."""
    platform.stores.rows("INSERT INTO warehouse.credits VALUES (now(), '/assets', 4000, 4000)")

    loop = loop_until(platform, lambda: len(platform.stores.documents("snapshot_fetches")) > 1)

    assert "skipped: credits, next fetch at" in loop.finished.text
    assert [] == platform.stores.documents()


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_an_invalid_interval_exits_with_2(platform: Platform, seconds: str) -> None:
    """No cycle is started."""
    finished = platform.command("run", "--every", seconds)

    assert 2 == finished.code
