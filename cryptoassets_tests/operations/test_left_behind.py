"""The unfinished hours and days that `run` and `run --every` process."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoassets.errors import SettingsError
from cryptoassets.operations.backfill_estimate import backfill_request
from cryptoassets.operations.left_behind import (
    MAX_DAYS,
    MAX_HOURS,
    days_left_behind,
    partitions_left_behind,
    started_partitions,
)
from cryptoassets.operations.session import open_stores
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.stores.mongodb import Lake
from cryptoassets.upkeep.earlier_data import earlier_publications


def test_an_hour_is_processed_only_after_it_has_started() -> None:
    """If the source's clock is fast, documents may belong to an hour without a partition yet."""
    now = datetime.now(UTC)
    hours = [now + timedelta(hours=number) for number in (2, -1, 0)]
    ahead, before, open_hour = (hour.strftime("%Y-%m-%d-%H:00") for hour in hours)

    assert [before, open_hour] == started_partitions({ahead, open_hour, before})


@pytest.mark.mongo
@pytest.mark.postgres
@pytest.mark.usefixtures("postgres")
def test_partitions_that_a_run_leaves_unfinished_are_reported_with_a_command(
    lake: Lake, database: str
) -> None:
    """A `run` must not take hours if PostgreSQL was emptied or the marts of a year are stale."""
    first = datetime(2026, 1, 5, tzinfo=UTC)
    hours = [first + timedelta(hours=number) for number in range(MAX_HOURS + 26)]
    lake["coin_snapshots"].insert_many({"_id": str(hour), "observed_at": hour} for hour in hours)
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO warehouse.loads SELECT 'warehouse/coin_price_history', "
            "to_char(timestamp '2025-01-01' + number * interval '1 day', 'YYYY-MM-DD'), "
            "'r', 1, 1, 0, 0, now() FROM generate_series(0, %s) AS number",
            [MAX_DAYS],
        )

    with open_stores() as stores:
        waiting = partitions_left_behind(stores, datetime.now(UTC))
        stale = days_left_behind(stores.postgres)

    assert {f"{hour:%Y-%m-%d-%H:00}" for hour in hours[26:]} == waiting.keys
    assert waiting.warning is not None
    assert (
        "26 older hours have documents that are not processed (2026-01-05-00:00 " in waiting.warning
    )
    assert (
        "`cryptoassets rebuild --from 2026-01-05 --to 2026-01-07` processes all" in waiting.warning
    )
    assert MAX_DAYS == len(stale.keys)
    assert stale.warning is not None
    # The run computes the oldest days, on which later days depend, and the newest week, which
    # people look at. A day in between remains.
    assert "1 more days have stale marts (2025-01-22 to 2025-01-22)" in stale.warning


@pytest.mark.mongo
@pytest.mark.postgres
def test_data_from_before_the_first_partition_is_reported_and_kept(
    lake: Lake, database: str, postgres: PostgresResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster has no partition for such data, which an older release may have published."""
    hours = [datetime(2026, 1, day, tzinfo=UTC) for day in (4, 5, 6)]
    lake["coin_snapshots"].insert_many({"_id": str(hour), "observed_at": hour} for hour in hours)
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO warehouse.loads VALUES ('warehouse/coin_prices', '2025-03-01-07:00', "
            "'r', 1, 1, 0, 0, now())"
        )
    monkeypatch.delenv("CRYPTOASSETS_SINCE")
    of_old_home = earlier_publications(postgres)
    stale = days_left_behind(postgres).keys
    monkeypatch.setenv("CRYPTOASSETS_SINCE", "2026-01-06")

    with open_stores() as stores:
        waiting = partitions_left_behind(stores, datetime.now(UTC))

    assert {"2026-01-06-00:00"} == waiting.keys
    assert (
        "2 partitions, 2026-01-04-00:00 to 2026-01-05-00:00: before the first " in waiting.warning
    )
    assert "set CRYPTOASSETS_SINCE=2026-01-04" in waiting.warning
    assert "Set CRYPTOASSETS_SINCE=2025-03-01" in of_old_home
    assert earlier_publications(postgres) is None
    assert set() == stale


def test_a_backfill_before_the_first_partition_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prices without a partition must not be fetched; the error names the setting to change."""
    monkeypatch.delenv("CRYPTOASSETS_SINCE")

    with pytest.raises(SettingsError, match=r"2026-01-01: .* set CRYPTOASSETS_SINCE=2025-12-31 "):
        backfill_request("2025-12-31", None, gaps_only=False)
