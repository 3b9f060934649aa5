"""The DAGs start at the first partition, or at the platform's first start if that is later."""

from datetime import UTC, datetime

import pytest

from cryptoassets_airflow.since import first_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T05:07:00", datetime(2026, 11, 23, 5, 7, tzinfo=UTC)),
        ("2026-11-23T05:00:00Z", datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("2026-11-23T05:00:00+05:30", datetime(2026, 11, 22, 23, 30, tzinfo=UTC)),
        ("2026-11-22T22:00:00-03:00", datetime(2026, 11, 23, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_has_an_offset(text: str, moment: datetime) -> None:
    """If the offset were ignored, the first hour would be wrong."""
    assert moment == first_moment({"CRYPTOASSETS_SINCE": text})
    assert moment.tzinfo == first_moment({"CRYPTOASSETS_SINCE": text}).tzinfo


@pytest.mark.parametrize(
    ("since", "start", "first"),
    [
        ("2026-11-23", "2026-11-24T05:07:00", "2026-11-24T05:07:00+00:00"),
        ("2026-11-23", "2026-11-22T05:07:00", "2026-11-23T00:00:00+00:00"),
        ("", "2026-11-24", "2026-11-24T00:00:00+00:00"),
        ("2018-01-01", "", "2026-01-01T00:00:00+00:00"),
        ("", "", "2026-01-01T00:00:00+00:00"),
    ],
)
def test_the_later_of_the_two_moments_is_used(since: str, start: str, first: str) -> None:
    """The first `docker compose up` must not queue months of history, which would cost credits."""
    moments = {"CRYPTOASSETS_SINCE": since, "CRYPTOASSETS_FIRST_START": start}

    assert first == first_moment(moments).isoformat()


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_counts_as_unset(empty: str) -> None:
    """Compose passes `${CRYPTOASSETS_SINCE:-}`, which is empty if the user set nothing."""
    assert first_moment({}) == first_moment({"CRYPTOASSETS_SINCE": empty})


@pytest.mark.parametrize("text", ["yesterday", "23.11.2026", "1764000000", "0001-01-01T00:00+05"])
def test_an_invalid_time_is_reported_in_one_message(text: str) -> None:
    """Airflow shows this message as the import error of the DAG file."""
    with pytest.raises(ValueError, match=r"CRYPTOASSETS_SINCE is .* must look like .* unset it"):
        first_moment({"CRYPTOASSETS_SINCE": text})
