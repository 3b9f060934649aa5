"""The schedules request the right partitions."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cryptoassets import jobs


@pytest.mark.parametrize(
    "schedule",
    [jobs.ingest_every_five_minutes, jobs.rates_every_six_hours],
    ids=lambda one: one.name,
)
def test_a_schedule_requests_the_open_hour(schedule: dg.ScheduleDefinition) -> None:
    """At 13:05 the schedule requests 13:00, whatever the laptop's time zone."""
    moment = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=moment)

    request = schedule(context)

    assert "2026-11-23-13:00" == request.partition_key
    assert moment.isoformat() == request.run_key
