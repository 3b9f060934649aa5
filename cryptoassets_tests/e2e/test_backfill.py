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
from cryptoassets_tests.e2e.platforms import CommandResult, MakePlatform, Platform

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(400)]

COINS, DAYS = 3, 9
LAST = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
SINCE, UNTIL = f"{LAST - timedelta(days=DAYS):%Y-%m-%d}", f"{LAST:%Y-%m-%d}"
RANGE = ("--from", SINCE, "--to", UNTIL)
HISTORY = "/assets/{slug}/history"
MISSING_POINT = LAST - timedelta(days=2)


@dataclass(frozen=True)
class Results:
    """The results of all commands, and what was published or counted after some of them."""

    platform: Platform
    estimate: CommandResult
    killed_days: dict[str, str]
    killed_counts: tuple[int, int]
    resumed: CommandResult
    resumed_days: dict[str, str]
    healed: CommandResult
    healed_counts: tuple[int, int]
    repeated: CommandResult


def days_of(platform: Platform) -> dict[str, str]:
    """Map each published day to the id of the transaction that wrote it."""
    return dict(platform.stores.rows("SELECT partition_key, xmin::text FROM warehouse.loads"))


def kill_after_the_first_chunk(platform: Platform) -> None:
    """Start a backfill as a separate process, and kill it when seven days are published."""
    environment = {**user_environment(), **platform.settings}
    environment["CRYPTOASSETS_HOME"] = os.environ["CRYPTOASSETS_HOME"]
    with subprocess.Popen(
        [COMMAND, "backfill", *RANGE], env=environment, stdout=subprocess.PIPE
    ) as process:
        try:
            deadline = time.monotonic() + 180
            while len(days_of(platform)) < 7 and time.monotonic() < deadline:
                assert process.poll() is None, process.stdout and process.stdout.read()
                time.sleep(0.1)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def results(
    make_platform: MakePlatform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Results]:
    """Make a dry run, a backfill that is killed, the same backfill again, and fill gaps twice.

    The source lacks one point, and one published row is deleted before the gaps are filled.
    """
    file = tmp_path_factory.mktemp("ecb") / "hist.csv"
    days = (LAST - timedelta(days=back) for back in range(DAYS + 1))
    file.write_text("\n".join(["Date,USD,", *(f"{day:%Y-%m-%d},1.1," for day in days)]))
    settings = {
        "COINCAP_COINS": str(COINS),
        "COINCAP_MONTHLY_CREDITS": "4000",
        "CRYPTOASSETS_ECB_RATES": str(file),
    }
    with make_platform(UnnamedSimulator(), **settings) as platform:
        missing = {f"{MISSING_POINT:%Y-%m-%d}T00:00:00.000Z": None}
        platform.put_faults({"route": "/assets/tether/history", "kind": "patch", "coins": missing})
        estimate = platform.command("backfill", *RANGE, "--dry-run")
        kill_after_the_first_chunk(platform)
        killed = days_of(platform), counted_by(platform)
        resumed = platform.command("backfill", *RANGE)
        resumed_days = days_of(platform)
        platform.stores.rows(
            "DELETE FROM warehouse.coin_price_history WHERE coin_id = 'bitcoin' "
            "AND observed_at = %s",
            MISSING_POINT,
        )
        # Without --from, gaps are filled from the first partition on.
        healed = platform.command("backfill", "--gaps", "--to", UNTIL)
        calls = counted_by(platform)
        repeated = platform.command("backfill", *RANGE, "--gaps")
        yield Results(platform, estimate, *killed, resumed, resumed_days, healed, calls, repeated)


def test_past_prices_can_be_converted_to_euros(results: Results) -> None:
    """CoinCap's `/rates` returns current rates only, so a backfill reads the ECB's file."""
    counted = results.platform.stores.rows(
        "SELECT count(*) > 0, count(*) - count(warehouse.price_in(price_usd, 'EUR', observed_at)) "
        "FROM warehouse.coin_price_history"
    )

    assert [(True, 0)] == counted


def counted_by(platform: Platform) -> tuple[int, int]:
    """Return the number of history calls and their credits, as counted by the source."""
    counted = get_json(f"{platform.source_url}/calls")
    return counted["calls"].get(HISTORY, 0), counted["credits"].get(HISTORY, 0)


def test_the_dry_run_shows_the_cost_and_fetches_nothing(results: Results) -> None:
    """9 days of hourly points cost one call and about 13 credits per coin."""
    assert 0 == results.estimate.code
    assert "3 coins, 3 calls, about 39 CoinCap credits" in results.estimate.text
    assert "This fits into this month's credits: 4,000 of 4,000" in results.estimate.text


def test_a_killed_backfill_resumes_without_repeating_fetches_or_writes(results: Results) -> None:
    """Finished days keep their rows, and stored responses are not requested again."""
    assert 7 <= len(results.killed_days) <= DAYS
    assert 0 == results.resumed.code, results.resumed.text
    assert (COINS, results.killed_counts[1]) == results.killed_counts
    assert results.killed_days.items() <= results.resumed_days.items()
    assert DAYS == len(results.resumed_days)
    done = len(results.killed_days)
    assert f"{DAYS - done} days processed, {done} already done; 0 points" in results.resumed.text


def test_a_point_that_the_source_lacks_is_listed_as_a_gap(results: Results) -> None:
    """The source answered the call, but one point is missing from the response."""
    assert "Gaps: 1 open in this range; `cryptoassets backfill --gaps`" in results.resumed.text


def test_gaps_are_filled_or_given_up_and_then_not_requested_again(results: Results) -> None:
    """A point that the source lacks costs one more call and is then given up."""
    assert 0 == results.healed.code, results.healed.text
    words = "Gaps: 0 open in this range, 1 healed, 1 that the source cannot fill"
    assert words in results.healed.text
    assert "Gaps: 0 open in this range, 0 healed, 0 that" in results.repeated.text
    assert results.healed_counts == counted_by(results.platform)
    assert [("bitcoin", True, False), ("tether", False, True)] == results.platform.stores.rows(
        "SELECT coin_id, healed_at IS NOT NULL, unfillable FROM warehouse.gaps "
        "WHERE gap_start < %s ORDER BY 1",
        LAST,
    )


def test_each_existing_point_is_loaded_exactly_once(results: Results) -> None:
    """The table has every point of the range, except the point that the source lacks."""
    rows = results.platform.stores.rows(
        "SELECT coin_id, count(*), count(DISTINCT observed_at), max(observed_at) < %s "
        "FROM warehouse.coin_price_history GROUP BY 1 ORDER BY 1",
        LAST,
    )
    hours = DAYS * 24

    assert [("bitcoin", hours), ("ethereum", hours), ("tether", hours - 1)] == [
        row[:2] for row in rows
    ]
    assert all(count == distinct and is_before for _, count, distinct, is_before in rows)


def test_the_marts_of_changed_days_are_computed_at_the_end(results: Results) -> None:
    """These days include the week published before the kill; no mart is computed twice."""
    days = results.platform.stores.rows("SELECT count(DISTINCT day) FROM marts.coin_daily")

    assert [(DAYS,)] == days
    assert f"marts of {SINCE} to " in results.resumed.text
    assert "marts of" in results.healed.text
    assert "marts of" not in results.repeated.text


def test_the_ledger_counts_the_credits_that_the_source_counts(results: Results) -> None:
    """The ledger includes calls before the kill, retries, and calls to fill gaps."""
    ((calls, counted),) = results.platform.stores.rows(
        "SELECT count(*), sum(counted)::int FROM warehouse.credits WHERE route = %s", HISTORY
    )

    assert counted_by(results.platform) == (calls, counted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Error: --from is missing: add the start of the history, such as --from 2026-08-25"),
        (("--from", "yesterday"), "is not an ISO date or time"),
        (("--from", "2017-12-31"), "is before 2018-01-01"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "is not after --from"),
        (("--from", "2026-01-02", "--to", "2999-01-01"), "is in the future"),
    ],
)
def test_an_impossible_range_exits_with_2(
    results: Results, arguments: tuple[str, ...], words: str
) -> None:
    """No run is started."""
    finished = results.platform.command("backfill", *arguments)

    assert 2 == finished.code
    assert words in finished.text
