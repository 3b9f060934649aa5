"""Our errors as Dagster's words: fail for good, or ask for another try of the step.

What goes here: the one translation, used by asset bodies and IO managers. What stays out: the
errors themselves (in `errors`).

No asset has a `RetryPolicy`: Dagster obeys one on an interrupt as well, so that a run which is to
stop would start its step again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cryptoassets.errors import CryptoassetsError

TRIES_AGAIN = 2
_PAUSE_SECONDS = 2


@contextmanager
def dagster_failures(*, tries_again: int = 0) -> Iterator[None]:
    """Raise our errors as `dg.Failure` with the same sentence.

    Args:
        tries_again: how often the whole step may be done again where the error may pass by itself.
    """
    try:
        yield
    except CryptoassetsError as error:
        if error.is_retryable and tries_again:
            raise dg.RetryRequested(tries_again, seconds_to_wait=_PAUSE_SECONDS) from error
        raise dg.Failure(
            description=str(error),
            metadata={"error": type(error).__name__, "may pass by itself": error.is_retryable},
            allow_retries=error.is_retryable,
        ) from error
