"""Translates our errors for Dagster, into a failure or into a request to retry the step.

What goes here: the only translation, used by asset bodies and IO managers. What stays out: the
errors themselves (in `errors`).

No asset has a `RetryPolicy`: Dagster would apply it to interrupts, too, so that an interrupted run
would start its step again instead of stopping.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cryptoassets.errors import CryptoassetsError
from cryptoassets.facts import Fact, metadata_of

STEP_RETRIES = 2
_PAUSE_SECONDS = 2


@contextmanager
def dagster_failures(*, retries: int = 0) -> Iterator[None]:
    """Raise our errors as `dg.Failure` with the same message, or as `dg.RetryRequested`.

    Args:
        retries: how often Dagster may retry the whole step after a retryable error.
    """
    try:
        yield
    except CryptoassetsError as error:
        if error.is_retryable and retries:
            raise dg.RetryRequested(retries, seconds_to_wait=_PAUSE_SECONDS) from error
        raise dg.Failure(
            description=str(error),
            metadata=metadata_of(
                {Fact.ERROR: type(error).__name__, Fact.IS_RETRYABLE: error.is_retryable}
            ),
            allow_retries=error.is_retryable,
        ) from error
