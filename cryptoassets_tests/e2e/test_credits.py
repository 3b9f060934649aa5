"""Promise: scheduled fetches keep to the month's credits; a person may go down to the reserve."""

from datetime import UTC, datetime

import pytest

from cryptoassets.coincap.credits import Budget
from cryptoassets_tests.e2e.platforms import Platform, this_hour

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


def spend(platform: Platform, credits_spent: int) -> None:
    """Count credits as spent this month."""
    platform.stores.rows("DELETE FROM warehouse.credits")
    platform.stores.rows(
        "INSERT INTO warehouse.credits VALUES (now(), '/assets', %s, %s)",
        credits_spent,
        credits_spent,
    )


def test_a_scheduled_ingest_of_a_spent_month_fetches_nothing_and_succeeds(
    platform: Platform,
) -> None:
    """A red run every five minutes until the month ends would hide every other one."""
    spend(platform, 4000)

    result = platform.execute("ingest", this_hour())

    (made,) = result.asset_materializations_for_node("raw__coin_snapshots")
    assert result.success
    assert "credits" == made.metadata["skipped"].value
    next_fetch = datetime.fromisoformat(str(made.metadata["next fetch at"].value))
    assert next_fetch > datetime.now(UTC)
    assert [] == platform.stores.documents()


def test_a_scheduled_ingest_that_would_touch_the_reserve_waits_for_the_next_month(
    platform: Platform,
) -> None:
    """Within the pace, and still not to be spent: no red run either."""
    result = platform.but(COINCAP_MONTHLY_CREDITS="18").execute("ingest", this_hour())

    (made,) = result.asset_materializations_for_node("raw__coin_snapshots")
    assert result.success
    assert "credits" == made.metadata["skipped"].value
    next_fetch = datetime.fromisoformat(str(made.metadata["next fetch at"].value))
    assert (1, 0, 0) == (next_fetch.day, next_fetch.hour, next_fetch.minute)


def test_of_two_that_waited_for_the_same_moment_the_slower_one_skips(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop and the schedule: what one looked at, the other has spent since."""
    spend(platform, 899_999_000)
    budget = Budget(10**9, 899_999_000, datetime.now(UTC))
    if not budget.is_over_pace:
        pytest.skip("the last tenth of a month: nothing can be over its pace and above the reserve")
    monkeypatch.setattr(Budget, "next_snapshot_at", lambda budget, _: budget.now)

    result = platform.but(COINCAP_MONTHLY_CREDITS=str(10**9)).execute("ingest", this_hour())

    (made,) = result.asset_materializations_for_node("raw__coin_snapshots")
    assert result.success
    assert "credits" == made.metadata["skipped"].value


def test_run_goes_on_down_to_the_reserve_and_no_further(platform: Platform) -> None:
    """A person who types `run` wants data now, but the reserve is for later."""
    spend(platform, 3500)
    above = platform.execute(
        "ingest", this_hour(), tags={"cryptoassets/credits": "down_to_reserve"}
    )
    spend(platform, 3590)

    finished = platform.command("run")

    assert above.success
    assert 100 == len(platform.stores.documents())
    assert 1 == finished.code
    assert "/assets was not called: 3590 of 4000 credits are spent this month" in finished.text
    assert "raise COINCAP_MONTHLY_CREDITS" in finished.text
