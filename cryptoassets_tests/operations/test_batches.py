"""The loop of `run --every`: which failures end it."""

import pytest

from cryptoassets.operations.batches import FATAL_ERRORS, MAX_FAILURES, reason_to_stop
from cryptoassets.operations.cycle import Cycle
from cryptoassets.operations.runs import Outcome


def cycle_with(*errors: str) -> Cycle:
    """A cycle in which steps failed with these errors."""
    return Cycle(Outcome(errors=set(errors)), is_done=not errors)


@pytest.mark.parametrize("error", sorted(FATAL_ERRORS))
def test_a_fatal_error_ends_the_loop(error: str) -> None:
    """Otherwise the loop would send a refused API key again in every cycle."""
    reason = reason_to_stop(cycle_with(error, "StoreUnavailableError"), failed_in_a_row=1)

    assert reason is not None
    assert reason.startswith(f"{error}: ")


def test_a_temporary_error_ends_the_loop_only_after_many_failed_cycles() -> None:
    """The loop must survive a restart of MongoDB."""
    cycle = cycle_with("StoreUnavailableError")

    assert reason_to_stop(cycle, failed_in_a_row=MAX_FAILURES - 1) is None
    assert reason_to_stop(cycle, failed_in_a_row=MAX_FAILURES) is not None
    assert reason_to_stop(cycle_with(), failed_in_a_row=0) is None
