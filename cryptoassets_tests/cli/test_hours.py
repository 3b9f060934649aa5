"""Promises of the hours that `run` and its loop process."""

from datetime import UTC, datetime, timedelta

from cryptoassets.cli.hours import begun


def test_an_hour_that_has_not_begun_waits_for_its_time() -> None:
    """The clock of a source may be ten minutes fast; Dagster does not know such an hour yet."""
    now = datetime.now(UTC)
    hours = [now + timedelta(hours=number) for number in (2, -1, 0)]
    ahead, before, open_hour = (hour.strftime("%Y-%m-%d-%H:00") for hour in hours)

    assert [before, open_hour] == begun({ahead, open_hour, before})
