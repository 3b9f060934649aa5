"""Our errors as Dagster's `Failure`, which says whether a retry may help.

What goes here: the one translation, used by asset bodies and IO managers. What stays out: the
errors themselves (in `errors`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cryptoassets.errors import CryptoassetsError

# Only what may pass by itself is tried again: `Failure(allow_retries=False)` overrules this.
RETRIES = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL)


@contextmanager
def dagster_failures() -> Iterator[None]:
    """Raise our errors as `dg.Failure` with the same sentence."""
    try:
        yield
    except CryptoassetsError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"error": type(error).__name__, "may pass by itself": error.is_retryable},
            allow_retries=error.is_retryable,
        ) from error
