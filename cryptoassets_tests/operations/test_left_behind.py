"""Promises of the hours that `run` and its loop process."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoassets.operations.left_behind import (
    MOST_DAYS,
    MOST_HOURS,
    days_left_behind,
    hours_begun,
    hours_left_behind,
)
from cryptoassets.operations.session import open_stores
from cryptoassets.stores.mongodb import Lake


def test_an_hour_that_has_not_begun_waits_for_its_time() -> None:
    """The clock of a source may be ten minutes fast; Dagster does not know such an hour yet."""
    now = datetime.now(UTC)
    hours = [now + timedelta(hours=number) for number in (2, -1, 0)]
    ahead, before, open_hour = (hour.strftime("%Y-%m-%d-%H:00") for hour in hours)

    assert [before, open_hour] == hours_begun({ahead, open_hour, before})


@pytest.mark.mongo
@pytest.mark.postgres
@pytest.mark.usefixtures("postgres")
def test_what_is_more_than_one_run_does_is_named_with_the_command_for_it(
    lake: Lake, database: str
) -> None:
    """PostgreSQL was emptied, or a year of marts is stale: nobody waits hours for a `run`."""
    first = datetime(2026, 1, 5, tzinfo=UTC)
    hours = [first + timedelta(hours=number) for number in range(MOST_HOURS + 26)]
    lake["coin_snapshots"].insert_many({"_id": str(hour), "observed_at": hour} for hour in hours)
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO warehouse.loads SELECT 'warehouse/coin_price_history', "
            "to_char(timestamp '2025-01-01' + number * interval '1 day', 'YYYY-MM-DD'), "
            "'r', 1, 1, 0, 0, now() FROM generate_series(0, %s) AS number",
            [MOST_DAYS],
        )

    with open_stores() as stores:
        waiting = hours_left_behind(stores, datetime.now(UTC))
        stale = days_left_behind(stores.postgres)

    assert {f"{hour:%Y-%m-%d-%H:00}" for hour in hours[26:]} == waiting.keys
    assert waiting.rest is not None
    assert "26 older hours have documents that are not processed (2026-01-05-00:00 " in waiting.rest
    assert "`cryptoassets rebuild --from 2026-01-05 --to 2026-01-07` does them all" in waiting.rest
    assert MOST_DAYS == len(stale.keys)
    assert stale.rest is not None
    assert "1 older days have marts that are stale (2025-01-01 to 2025-01-01)" in stale.rest
