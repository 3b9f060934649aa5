"""Dagster is asked to retry a step if that can help; a failure contains the error's name."""

import dagster as dg
import pytest

from cryptoassets.errors import ContractViolationError, StoreUnavailableError
from cryptoassets.facts import METADATA_KEY
from cryptoassets.resources.failures import STEP_RETRIES, dagster_failures

TEMPORARY = StoreUnavailableError("PostgreSQL does not answer")
PERMANENT = ContractViolationError("Keys do not add up")


def test_a_temporary_error_is_retried() -> None:
    """If a server restarts at night, the run should succeed without anybody's help."""
    with pytest.raises(dg.RetryRequested) as asked, dagster_failures(retries=STEP_RETRIES):
        raise TEMPORARY

    assert STEP_RETRIES == asked.value.max_retries
    assert asked.value.seconds_to_wait
    assert TEMPORARY is asked.value.__cause__


@pytest.mark.parametrize(("error", "retries"), [(PERMANENT, STEP_RETRIES), (TEMPORARY, 0)])
def test_a_step_fails_at_once_if_it_must_not_be_retried(error: Exception, retries: int) -> None:
    """Either the error is permanent, or the step has no retries."""
    with pytest.raises(dg.Failure) as failed, dagster_failures(retries=retries):
        raise error

    assert str(error) == failed.value.description
    assert (error is TEMPORARY) is failed.value.allow_retries
    assert error is failed.value.__cause__


@pytest.mark.parametrize("error", [PERMANENT, TEMPORARY])
def test_a_failure_contains_the_name_of_its_error(error: Exception) -> None:
    """`run --every` uses the name to decide whether to continue; dashboards group by the name."""
    with pytest.raises(dg.Failure) as failed, dagster_failures():
        raise error

    metadata = {label: value.value for label, value in failed.value.metadata.items()}
    name, is_retryable = type(error).__name__, error is TEMPORARY
    assert {"error": name, "is_retryable": is_retryable} == metadata.pop(METADATA_KEY)
    assert {"error": name, "may pass by itself": is_retryable} == metadata


def test_an_error_of_another_kind_is_not_translated() -> None:
    """Such an error is a bug, and its traceback shows where the bug is."""
    with pytest.raises(ZeroDivisionError), dagster_failures(retries=STEP_RETRIES):
        raise ZeroDivisionError
