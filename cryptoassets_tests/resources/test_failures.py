"""Promise: Dagster is asked for another try where one can help, and learns the error's name."""

import dagster as dg
import pytest

from cryptoassets.errors import ContractViolationError, StoreUnavailableError
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures

PASSES = StoreUnavailableError("PostgreSQL does not answer")
STAYS = ContractViolationError("Keys do not add up")


def test_what_may_pass_by_itself_is_tried_again() -> None:
    """A server that restarts in the night must not wake anybody."""
    with pytest.raises(dg.RetryRequested) as asked, dagster_failures(tries_again=TRIES_AGAIN):
        raise PASSES

    assert TRIES_AGAIN == asked.value.max_retries
    assert asked.value.seconds_to_wait
    assert PASSES is asked.value.__cause__


@pytest.mark.parametrize(("error", "tries_again"), [(STAYS, TRIES_AGAIN), (PASSES, 0)])
def test_what_no_retry_helps_fails_at_once(error: Exception, tries_again: int) -> None:
    """The step would fail again, later, in the same way."""
    with pytest.raises(dg.Failure) as failed, dagster_failures(tries_again=tries_again):
        raise error

    assert str(error) == failed.value.description
    assert (error is PASSES) is failed.value.allow_retries
    assert error is failed.value.__cause__


@pytest.mark.parametrize("error", [STAYS, PASSES])
def test_a_failure_carries_the_name_of_its_error(error: Exception) -> None:
    """It decides whether the loop continues; dashboards group by it."""
    with pytest.raises(dg.Failure) as failed, dagster_failures():
        raise error

    metadata = {label: value.value for label, value in failed.value.metadata.items()}
    assert {"error": type(error).__name__, "may pass by itself": error is PASSES} == metadata


def test_an_error_that_is_not_ours_stays_what_it_is() -> None:
    """A bug is no failure of a store, and its traceback says where it is."""
    with pytest.raises(ZeroDivisionError), dagster_failures(tries_again=TRIES_AGAIN):
        raise ZeroDivisionError
