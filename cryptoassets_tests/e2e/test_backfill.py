"""`backfill` shows its cost, resumes after a kill and fills gaps; the ledger counts every credit.

The tests read the results of one sequence of commands.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets_tests.coincap_server.fixtures import UnnamedSimulator, get_json
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
    """The results of each step."""

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
    """Published days, each with the transaction that wrote it."""
    return dict(platform.stores.rows("SELECT partition_key, xmin::text FROM warehouse.loads"))


def kill_after_the_first_chunk(platform: Platform) -> None:
    """Start the command as a process, and kill it when a week is published."""
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
def story(make_platform: MakePlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Estimate, kill, resume, delete a row, fill gaps, give up a point that the source lacks."""
    file = tmp_path_factory.mktemp("ecb") / "hist.csv"
    days = (LAST - timedelta(days=back) for back in range(DAYS + 1))
    file.write_text("\n".join(["Date,USD,", *(f"{day:%Y-%m-%d},1.1," for day in days)]))
    settings = {
        "COINCAP_COINS": str(COINS),
        "COINCAP_MONTHLY_CREDITS": "4000",
        "CRYPTOASSETS_ECB_RATES": str(file),
    }
    with make_platform(UnnamedSimulator(), **settings) as made:
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


def test_past_prices_have_a_price_in_euros(story: Story) -> None:
    """`/rates` answers only for now, so a backfill reads the ECB's file."""
    counted = story.platform.stores.rows(
        "SELECT count(*) > 0, count(*) - count(warehouse.price_in(price_usd, 'EUR', observed_at)) "
        "FROM warehouse.coin_price_history"
    )

    assert [(True, 0)] == counted


def counted_by(platform: Platform) -> tuple[int, int]:
    """Calls and credits of history as the source counted them."""
    counted = get_json(f"{platform.source_url}/calls")
    return counted["calls"].get(HISTORY, 0), counted["credits"].get(HISTORY, 0)


def test_the_dry_run_shows_the_cost_and_fetches_nothing(story: Story) -> None:
    """16 days of h1 are one call and 24 credits per coin."""
    assert 0 == story.priced.code
    assert "3 coins, 3 calls, about 69 CoinCap credits" in story.priced.text
    assert "It takes 1 calendar month with this plan" in story.priced.text


def test_a_killed_backfill_resumes_without_repeating_fetches_or_writes(story: Story) -> None:
    """Finished days keep their rows; stored windows are not requested again."""
    assert 7 <= len(story.killed_days) <= DAYS
    assert 0 == story.resumed.code, story.resumed.text
    assert (COINS, story.killed_counts[1]) == story.killed_counts
    assert story.killed_days.items() <= story.resumed_days.items()
    assert DAYS == len(story.resumed_days)
    done = len(story.killed_days)
    assert f"{DAYS - done} days processed, {done} already done; 0 points" in story.resumed.text


def test_a_point_that_the_source_lacks_is_listed_as_a_gap(story: Story) -> None:
    """The window was answered, but one point is missing."""
    assert "Gaps: 1 open in this range; `cryptoassets backfill --gaps`" in story.resumed.text


def test_gaps_are_filled_or_given_up_and_then_not_requested_again(story: Story) -> None:
    """A point that the source lacks costs one more call, and then none."""
    assert 0 == story.healed.code, story.healed.text
    words = "Gaps: 0 open in this range, 1 healed, 1 that the source cannot fill"
    assert words in story.healed.text
    assert "Gaps: 0 open in this range, 0 healed, 0 that" in story.again.text
    assert story.healed_counts == counted_by(story.platform)
    assert [("bitcoin", True, False), ("tether", False, True)] == story.platform.stores.rows(
        "SELECT coin_id, healed_at IS NOT NULL, unfillable FROM warehouse.gaps "
        "WHERE gap_start < %s ORDER BY 1",
        LAST,
    )


def test_each_existing_point_is_loaded_exactly_once(story: Story) -> None:
    """Every point of the span except the one that the source lacks."""
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


def test_the_marts_of_changed_days_are_computed_at_the_end(story: Story) -> None:
    """Also of a week whose marts the kill prevented; no mart is computed twice."""
    days = story.platform.stores.rows("SELECT count(DISTINCT day) FROM marts.coin_daily")

    assert [(DAYS,)] == days
    assert f"marts of {SINCE} to " in story.resumed.text
    assert "marts of" in story.healed.text
    assert "marts of" not in story.again.text


def test_our_ledger_counts_the_credits_that_the_source_counts(story: Story) -> None:
    """Including the kill, the retries and the gaps."""
    ((calls, counted),) = story.platform.stores.rows(
        "SELECT count(*), sum(counted)::int FROM warehouse.credits WHERE route = %s", HISTORY
    )

    assert counted_by(story.platform) == (calls, counted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "yesterday"), "is not an ISO date or time"),
        (("--from", "2017-12-31"), "is before 2018-01-01"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "is not after --from"),
        (("--from", "2026-01-02", "--to", "2999-01-01"), "is in the future"),
    ],
)
def test_impossible_bounds_exit_with_2(
    story: Story, arguments: tuple[str, ...], words: str
) -> None:
    """Nothing is started."""
    finished = story.platform.command("backfill", *arguments)

    assert 2 == finished.code
    assert words in finished.text
