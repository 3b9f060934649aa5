"""Pauses between attempts."""

import pytest

from cryptoassets.coincap.models import RetryPolicy
from cryptoassets.coincap.retries import pause_seconds

POLICY = RetryPolicy(first_pause_seconds=1, longest_pause_seconds=3)


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.5, 1.5), (2, 1, 3), (9, 3, 3)])
def test_pauses_double_within_their_bounds(attempt: int, least: float, most: float) -> None:
    """An outage is not made worse by those who wait for its end."""
    pauses = [pause_seconds(POLICY, attempt, None) for _ in range(200)]

    assert least <= min(pauses) <= max(pauses) <= most


def test_pauses_differ_by_chance() -> None:
    """Else all clients of an outage come back in the same instant."""
    assert 190 < len({pause_seconds(POLICY, 1, None) for _ in range(200)})


def test_what_the_server_asks_for_is_waited_and_little_more() -> None:
    """Earlier would be refused again."""
    pauses = [pause_seconds(POLICY, 3, 7) for _ in range(200)]

    assert 7 <= min(pauses) <= max(pauses) <= 8
