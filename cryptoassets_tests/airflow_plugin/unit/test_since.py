"""Airflow's first hour is that of CRYPTOASSETS_SINCE in UTC."""

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
    """An offset used to be ignored, so the first hour was wrong by the offset."""
    assert moment == first_moment({"CRYPTOASSETS_SINCE": text})
    assert moment.tzinfo == first_moment({"CRYPTOASSETS_SINCE": text}).tzinfo


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_counts_as_unset(empty: str) -> None:
    """Compose passes `${CRYPTOASSETS_SINCE:-}`, and the DAG file could not be imported."""
    assert first_moment({}) == first_moment({"CRYPTOASSETS_SINCE": empty})


@pytest.mark.parametrize("text", ["yesterday", "23.11.2026", "1764000000", "0001-01-01T00:00+05"])
def test_an_invalid_time_is_reported_in_one_sentence(text: str) -> None:
    """Airflow shows it as the import error of the DAG file."""
    with pytest.raises(ValueError, match=r"CRYPTOASSETS_SINCE is .* looks like .* unset it"):
        first_moment({"CRYPTOASSETS_SINCE": text})
