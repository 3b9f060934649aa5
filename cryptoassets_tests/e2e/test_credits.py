"""Scheduled fetches spend a month's credits evenly; `run` may spend all but the reserve."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cryptoassets.coincap.credits import Budget
from cryptoassets_tests.e2e.platforms import Platform, this_hour

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


def spend(platform: Platform, credits_spent: int) -> None:
    """Record credits as spent this month."""
    platform.stores.rows("DELETE FROM warehouse.credits")
    platform.stores.rows(
        "INSERT INTO warehouse.credits VALUES (now(), '/assets', %s, %s)",
        credits_spent,
        credits_spent,
    )


def skip_observation(result: dg.ExecuteInProcessResult) -> dg.AssetObservation:
    """Return the run's observation of the hour, which must not have been materialized."""
    assert [] == result.asset_materializations_for_node("raw__coin_snapshots")
    (event,) = [one for one in result.all_events if one.event_type_value == "ASSET_OBSERVATION"]
    return event.asset_observation_data.asset_observation


def test_a_scheduled_ingest_without_credits_skips_and_succeeds(
    platform: Platform,
) -> None:
    """A failed run every five minutes would hide every other failure."""
    spend(platform, 4000)

    result = platform.execute("ingest", this_hour())

    observation = skip_observation(result)
    assert result.success
    assert "credits" == observation.metadata["skipped"].value
    next_fetch = datetime.fromisoformat(str(observation.metadata["next fetch at"].value))
    assert next_fetch > datetime.now(UTC)
    assert [] == platform.stores.documents()


def test_a_scheduled_ingest_that_would_need_the_reserve_skips_until_next_month(
    platform: Platform,
) -> None:
    """The pace would allow the fetch, but the reserve does not. The run still succeeds."""
    result = platform.with_settings(COINCAP_MONTHLY_CREDITS="18").execute("ingest", this_hour())

    observation = skip_observation(result)
    assert result.success
    assert "credits" == observation.metadata["skipped"].value
    next_fetch = datetime.fromisoformat(str(observation.metadata["next fetch at"].value))
    assert (1, 0, 0) == (next_fetch.day, next_fetch.hour, next_fetch.minute)


def test_the_slower_of_two_concurrent_fetches_skips(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, a schedule may spend credits that a loop has just found available."""
    spend(platform, 899_999_000)
    budget = Budget(10**9, 899_999_000, datetime.now(UTC))
    if not budget.is_over_pace:
        pytest.skip("in the last tenth of a month, spending above the pace uses the reserve")
    monkeypatch.setattr(Budget, "next_snapshot_at", lambda budget, _: budget.now)

    result = platform.with_settings(COINCAP_MONTHLY_CREDITS=str(10**9)).execute(
        "ingest", this_hour()
    )

    observation = skip_observation(result)
    assert result.success
    assert "credits" == observation.metadata["skipped"].value


def test_run_spends_credits_down_to_the_reserve(platform: Platform) -> None:
    """A user who types `run` wants data now, but the reserve is for later."""
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
