"""Dagster is asked for a retry where it can help, and gets the error's name."""

import dagster as dg
import pytest

from cryptoassets.errors import ContractViolationError, StoreUnavailableError
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures

TEMPORARY = StoreUnavailableError("PostgreSQL does not answer")
PERMANENT = ContractViolationError("Keys do not add up")


def test_a_temporary_error_is_retried() -> None:
    """A server that restarts at night must not wake anybody."""
    with pytest.raises(dg.RetryRequested) as asked, dagster_failures(tries_again=TRIES_AGAIN):
        raise TEMPORARY

    assert TRIES_AGAIN == asked.value.max_retries
    assert asked.value.seconds_to_wait
    assert TEMPORARY is asked.value.__cause__


@pytest.mark.parametrize(("error", "tries_again"), [(PERMANENT, TRIES_AGAIN), (TEMPORARY, 0)])
def test_a_permanent_error_fails_at_once(error: Exception, tries_again: int) -> None:
    """A retried step would only fail later in the same way."""
    with pytest.raises(dg.Failure) as failed, dagster_failures(tries_again=tries_again):
        raise error

    assert str(error) == failed.value.description
    assert (error is TEMPORARY) is failed.value.allow_retries
    assert error is failed.value.__cause__


@pytest.mark.parametrize("error", [PERMANENT, TEMPORARY])
def test_a_failure_carries_the_name_of_its_error(error: Exception) -> None:
    """The loop uses it to decide whether to continue, and dashboards group by it."""
    with pytest.raises(dg.Failure) as failed, dagster_failures():
        raise error

    metadata = {label: value.value for label, value in failed.value.metadata.items()}
    assert {"error": type(error).__name__, "may pass by itself": error is TEMPORARY} == metadata


def test_an_error_that_is_not_ours_is_not_translated() -> None:
    """A bug is not a failure of a store, and its traceback shows where it is."""
    with pytest.raises(ZeroDivisionError), dagster_failures(tries_again=TRIES_AGAIN):
        raise ZeroDivisionError
