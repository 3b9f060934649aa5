"""Translates our errors for Dagster: fail permanently, or request a retry of the step.

What goes here: the one translation, used by asset bodies and IO managers. What stays out: the
errors themselves (in `errors`).

No asset has a `RetryPolicy`: Dagster applies it to interrupts too, so a run that should stop would
start its step again.
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
    """Raise our errors as `dg.Failure` with the same sentence.

    Args:
        retries: how often the whole step may be retried after an error that may be temporary.
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
