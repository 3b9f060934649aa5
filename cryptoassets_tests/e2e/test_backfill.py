"""Story of `backfill`: priced, killed, begun again, holes healed; every credit is in the ledger."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets_tests.coincap_server.fixtures import Nameless, get_json
from cryptoassets_tests.e2e.homes import COMMAND, user_environment
from cryptoassets_tests.e2e.platforms import Finished, MakePlatform, Platform

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(400)]

COINS, DAYS = 3, 16
LAST = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
SINCE, UNTIL = f"{LAST - timedelta(days=DAYS):%Y-%m-%d}", f"{LAST:%Y-%m-%d}"
STRETCH = ("--from", SINCE, "--to", UNTIL)
HISTORY = "/assets/{slug}/history"
HOLE = LAST - timedelta(days=2)


@dataclass(frozen=True)
class Story:
    """What was seen, step by step."""

    platform: Platform
    priced: Finished
    killed_days: dict[str, str]
    killed_counts: tuple[int, int]
    resumed: Finished
    resumed_days: dict[str, str]
    healed: Finished
    healed_counts: tuple[int, int]
    again: Finished


def days_of(platform: Platform) -> dict[str, str]:
    """Published days, each with the transaction that did it."""
    return dict(platform.stores.rows("SELECT partition_key, xmin::text FROM warehouse.loads"))


def kill_after_the_first_chunk(platform: Platform) -> None:
    """Start the command as a process of its own, and kill it when a week is published."""
    environment = {**user_environment(), **platform.settings}
    environment["CRYPTOASSETS_HOME"] = os.environ["CRYPTOASSETS_HOME"]
    with subprocess.Popen(
        [COMMAND, "backfill", *STRETCH], env=environment, stdout=subprocess.PIPE
    ) as process:
        try:
            deadline = time.monotonic() + 180
            while len(days_of(platform)) < 7 and time.monotonic() < deadline:
                assert process.poll() is None, process.stdout and process.stdout.read()
                time.sleep(0.1)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def story(make_platform: MakePlatform) -> Iterator[Story]:
    """Price, kill, resume, lose a row, heal it, and give up a point that the source lacks."""
    settings = {"COINCAP_COINS": str(COINS), "COINCAP_MONTHLY_CREDITS": "4000"}
    with make_platform(Nameless(), **settings) as made:
        missing = {f"{HOLE:%Y-%m-%d}T00:00:00.000Z": None}
        made.put_faults({"route": "/assets/tether/history", "kind": "patch", "coins": missing})
        priced = made.command("backfill", *STRETCH, "--dry-run")
        kill_after_the_first_chunk(made)
        killed = days_of(made), counted_by(made)
        resumed = made.command("backfill", *STRETCH)
        resumed_days = days_of(made)
        made.stores.rows(
            "DELETE FROM warehouse.coin_price_history WHERE coin_id = 'bitcoin' "
            "AND observed_at = %s",
            HOLE,
        )
        healed = made.command("backfill", *STRETCH, "--gaps")
        calls = counted_by(made)
        again = made.command("backfill", *STRETCH, "--gaps")
        yield Story(made, priced, *killed, resumed, resumed_days, healed, calls, again)


def counted_by(platform: Platform) -> tuple[int, int]:
    """Calls and credits of history by the source's own count."""
    counted = get_json(f"{platform.source_url}/calls")
    return counted["calls"].get(HISTORY, 0), counted["credits"].get(HISTORY, 0)


def test_the_price_is_told_before_anything_is_fetched(story: Story) -> None:
    """16 days of h1 are one call and 24 credits a coin."""
    assert 0 == story.priced.code
    assert "3 coins, 3 calls, about 69 credits of CoinCap" in story.priced.text
    assert "It takes 1 calendar month at this plan" in story.priced.text


def test_a_killed_backfill_goes_on_without_fetching_or_writing_again(story: Story) -> None:
    """Finished days keep the very rows that were written; stored windows are not asked for."""
    assert 7 <= len(story.killed_days) <= DAYS
    assert 0 == story.resumed.code, story.resumed.text
    assert (COINS, story.killed_counts[1]) == story.killed_counts
    assert story.killed_days.items() <= story.resumed_days.items()
    assert DAYS == len(story.resumed_days)
    done = len(story.killed_days)
    assert f"{DAYS - done} days processed, {done} done before; 0 points" in story.resumed.text


def test_a_point_that_the_source_lacks_is_listed_as_a_gap(story: Story) -> None:
    """The window was answered, and yet a point is missing."""
    assert "Gaps: 1 open in this stretch; `cryptoassets backfill --gaps`" in story.resumed.text


def test_holes_are_healed_or_given_up_and_then_let_be(story: Story) -> None:
    """Points that the source does not have are paid for one more time, and then never again."""
    assert 0 == story.healed.code, story.healed.text
    words = "Gaps: 0 open in this stretch, 1 healed, 1 that the source cannot fill"
    assert words in story.healed.text
    assert "Gaps: 0 open in this stretch, 0 healed, 0 that" in story.again.text
    assert story.healed_counts == counted_by(story.platform)
    assert [("bitcoin", True, False), ("tether", False, True)] == story.platform.stores.rows(
        "SELECT coin_id, healed_at IS NOT NULL, unfillable FROM warehouse.gaps "
        "WHERE gap_start < %s ORDER BY 1",
        LAST,
    )


def test_nothing_is_missing_doubled_or_invented(story: Story) -> None:
    """Every point of the stretch but the one that nobody has."""
    rows = story.platform.stores.rows(
        "SELECT coin_id, count(*), count(DISTINCT observed_at), max(observed_at) < %s "
        "FROM warehouse.coin_price_history GROUP BY 1 ORDER BY 1",
        LAST,
    )
    hours = DAYS * 24

    assert [("bitcoin", hours), ("ethereum", hours), ("tether", hours - 1)] == [
        row[:2] for row in rows
    ]
    assert all(count == distinct and is_before for _, count, distinct, is_before in rows)


def test_the_marts_of_the_days_are_made_at_the_end(story: Story) -> None:
    """Those of a week that the kill left unmade, too; where nothing changed, none again."""
    days = story.platform.stores.rows("SELECT count(DISTINCT day) FROM marts.coin_daily")

    assert [(DAYS,)] == days
    assert f"marts of {SINCE} to " in story.resumed.text
    assert "marts of" in story.healed.text
    assert "marts of" not in story.again.text


def test_our_ledger_counts_the_credits_that_the_source_counts(story: Story) -> None:
    """The kill, the retries and the healing included."""
    ((calls, counted),) = story.platform.stores.rows(
        "SELECT count(*), sum(counted)::int FROM warehouse.credits WHERE route = %s", HISTORY
    )

    assert counted_by(story.platform) == (calls, counted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "yesterday"), "is no ISO date or time"),
        (("--from", "2017-12-31"), "lies before 2018-01-01"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "is not after --from"),
        (("--from", "2026-01-02", "--to", "2999-01-01"), "lies ahead"),
    ],
)
def test_bounds_that_make_no_sense_are_misuse(
    story: Story, arguments: tuple[str, ...], words: str
) -> None:
    """Nothing is started for them."""
    finished = story.platform.command("backfill", *arguments)

    assert 2 == finished.code
    assert words in finished.text
