"""The next run finishes what a kill, a late response or a dead JVM left unfinished.

The tests put the stores into the state after a kill: documents that are fetched but not processed,
or published prices without marts.
"""

import os
import subprocess
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from cryptoassets_tests.e2e.homes import COMMAND, user_environment
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, Platform, this_hour
from cryptoassets_tests.e2e.test_batches import loop_until
from cryptoassets_tests.io_managers.rows import document

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(400)]

MARTS_OF_DAY = "SELECT count(*) FROM marts.coin_daily WHERE day = %s"
MARKET_OF_DAY = "SELECT count(*) FROM marts.market_daily WHERE day = %s"
LOADED_OF_HOUR = "SELECT sum(loaded_rows) FROM warehouse.loads WHERE partition_key = %s"
OLDEST_IS_PUBLISHED_AGAIN = """
    UPDATE warehouse.loads SET publication = nextval('warehouse.publications')
    WHERE partition_key = (SELECT min(partition_key) FROM warehouse.loads)
"""
REFUSE_HISTORY = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'not this day'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON warehouse.coin_price_history
    FOR EACH ROW EXECUTE FUNCTION refuse()
"""
HOURS = [datetime(2026, 10, day, 10, tzinfo=UTC) for day in range(1, 9)]


def test_run_finishes_work_of_any_age(two_hours: Platform) -> None:
    """The work is an unprocessed hour ten days ago, and two days with missing or stale marts."""
    ten_days_ago = datetime.now(UTC) - timedelta(days=10)
    hour, day = ten_days_ago.strftime(HOUR_FORMAT), ten_days_ago.date()
    two_hours.put_faults({"route": "/assets", "kind": "timestamp", "shift_ms": -10 * 86_400_000})
    assert two_hours.execute("ingest", this_hour()).success
    two_hours.put_faults()
    assert two_hours.execute("ingest", this_hour()).success
    assert two_hours.execute("process", this_hour()).success
    two_hours.stores.rows(OLDEST_IS_PUBLISHED_AGAIN)

    red, finished, green = (two_hours.command(verb) for verb in ("audit", "run", "audit"))

    assert 1 == red.code
    assert f"warehouse/coin_prices {hour}: 5 raw documents have not been processed yet" in red.text
    words = "For hours and days with unpublished documents, use `cryptoassets run`"
    assert words in red.text
    assert "2 days have marts that are missing or made from older prices or aliases" in red.text
    assert 0 == finished.code, finished.text
    assert 0 == green.code, green.text
    assert [(5,)] == two_hours.stores.rows(LOADED_OF_HOUR, hour)
    assert [(5,)] == two_hours.stores.rows(MARTS_OF_DAY, day)

    # A user edits the aliases, so all marts are stale. `rebuild` computes them, although its
    # range contains no partition.
    two_hours.stores.rows("INSERT INTO warehouse.coin_aliases VALUES ('old', 'new')")
    red, rebuilt, green = (
        two_hours.command(*arguments)
        for arguments in (["audit"], ["rebuild", "--to", "2018-01-02"], ["audit"])
    )

    assert 1 == red.code
    assert "3 days have marts that are missing or made from older prices or aliases" in red.text
    assert (0, 0) == (rebuilt.code, green.code), green.text
    assert f"✓ marts of {day}" in rebuilt.text


def test_run_publishes_history_that_was_only_fetched(two_hours: Platform) -> None:
    """`run` once left this to a person, who had to know the days for `rebuild`."""
    day = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
    two_hours.stores.rows(REFUSE_HISTORY)
    assert not two_hours.execute("history", day).success
    two_hours.stores.rows("DROP FUNCTION refuse CASCADE")

    # The live run may be a `backfill`, which publishes the day itself.
    with two_hours.live_run("history", day):
        assert 0 == two_hours.command("run").code
    assert [(None,)] == two_hours.stores.rows(LOADED_OF_HOUR, day)
    status, red, finished, green = map(two_hours.command, ("status", "audit", "run", "audit"))

    assert f"of {day} fetched but not published: `cryptoassets run` publishes them" in status.text
    assert 1 == red.code
    assert f"warehouse/coin_price_history {day}: the ledger has no row" in red.text
    assert (0, 0) == (finished.code, green.code), finished.text + green.text
    [(rows,)] = two_hours.stores.rows(LOADED_OF_HOUR, day)
    assert rows > 0
    assert [(5,)] == two_hours.stores.rows(MARTS_OF_DAY, day)


def test_the_loop_computes_missing_marts(two_hours: Platform) -> None:
    """If a machine runs only `run --every`, no other command computes the marts."""
    [(day,)] = two_hours.stores.rows("SELECT min(day) FROM marts.coin_daily")
    two_hours.stores.rows("DELETE FROM marts.market_daily WHERE day = %s", day)

    loop = loop_until(two_hours, lambda: two_hours.stores.rows(MARKET_OF_DAY, day) == [(1,)])

    assert 130 == loop.finished.code, loop.finished.text
    assert [(1,)] == two_hours.stores.rows(MARKET_OF_DAY, day)


@pytest.fixture
def waiting_hours(platform: Platform) -> Platform:
    """Raw documents of hours that are not consecutive, so that each hour needs its own run."""
    with platform.stores.lake() as lake:
        lake["coin_snapshots"].insert_many(
            document(f"coin-{coin}", observed_at=hour) for hour in HOURS for coin in range(3)
        )
    return platform


def test_rebuild_stops_at_the_first_partition_when_the_jvm_is_killed(
    waiting_hours: Platform,
) -> None:
    """The out-of-memory killer ends Java first, and nothing can be rebuilt without Java."""
    environment = os.environ | user_environment() | waiting_hours.settings
    with subprocess.Popen(
        [COMMAND, "rebuild"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as rebuild:
        assert rebuild.stdout is not None
        lines = []
        for line in rebuild.stdout:
            lines.append(line)
            if "✓ warehouse/coin_prices 2026-10-01-10:00" in line:
                [java] = [
                    child
                    for child in psutil.Process(rebuild.pid).children(recursive=True)
                    if child.name() == "java"
                ]
                java.kill()
        code = rebuild.wait(timeout=60)

    text = "".join(lines)
    assert 1 == code, text
    assert 1 == text.count("Spark's Java process has ended (killed, by hand or because"), text
    assert "run the command again" in text
    tried = {hour for hour in HOURS if f"{hour:%Y-%m-%d-%H:00}" in text}
    assert tried <= set(HOURS[:2])
