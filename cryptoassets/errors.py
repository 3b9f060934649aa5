"""The one tree of errors; a reader picks the `except` from this page.

What goes here: every error that this package raises on purpose. What stays out: translation to
Dagster's `Failure` (in `assets`) and exit codes (in `cli`).

CryptoassetsError
  + SettingsError                 a setting or an option is wrong; exit code 2
  + SourceError                   CoinCap did not give what was asked for
      + BadKeyError               401, 403: the key is missing or refused
      + CreditsSpentError         the month's credits are gone, at CoinCap or by our own ledger
          + PaceError             credits are left, and it is too early to spend them
      + PlanError                 the plan does not cover this call, or it is not paid for
      + BlockedError              a web page or text of something in front of CoinCap
      + RequestRefusedError       400 and other 4xx: the request itself, e.g. a window too long
      + CoinNotFoundError         404: this coin, or its history, does not exist
      + RateLimitedError          429 after all retries
      + SourceUnavailableError    5xx, time-out, reset, refused connection after all retries
      + MalformedAnswerError      an answer that cannot be read, or is too large
          + UnstorableAnswerError   the lake can hold none of its coins unchanged
      + EmptyAnswerError          a good answer without coins
  + StoreError                    MongoDB, Parquet or PostgreSQL
      + StoreUnavailableError     no connection, or it broke
      + StoreNotRunningError      an embedded store is stopped; exit code 3
      + UpstreamNotMaterializedError  the partition asked for is not there
      + ExpiredPartitionError     retention deleted the partition
      + SchemaMismatchError       columns or types differ from `schemas`
      + ContractViolationError    keys or counts do not add up; nothing was published
      + PartitionChangedError     another run wrote a partition between reading and writing it
      + OlderInputsError          a mart was made meanwhile from newer prices than this run read
      + UnknownRevisionError      newer code migrated the database; this code is too old for it
      + MixedSourcesError         simulated and real data would meet in one store
  + SparkJobError                 Spark broke off a job, or its JVM is gone
      + WorkerCodeError           a Spark worker runs other code than the driver
  + EmbeddedError                 a server or Java that we start ourselves did not come up
"""

from typing import ClassVar


class CryptoassetsError(Exception):
    """Base of all; `is_retryable` says whether the same call may succeed later unchanged."""

    is_retryable: ClassVar[bool] = False


class SettingsError(CryptoassetsError):
    """A setting or an option is wrong or missing."""


class SourceError(CryptoassetsError):
    """CoinCap did not give what was asked for."""


class BadKeyError(SourceError):
    """The API key is missing or refused."""


class CreditsSpentError(SourceError):
    """The credits of this month are gone."""


class PaceError(CreditsSpentError):
    """Credits are left, and it is too early to spend them."""


class PlanError(SourceError):
    """The plan behind the API key does not cover this call."""


class BlockedError(SourceError):
    """Something in front of the source answered in its place."""


class RequestRefusedError(SourceError):
    """The source does not take this request; another one, e.g. for a shorter window, it may."""


class CoinNotFoundError(SourceError):
    """This coin, or its history, does not exist at the source."""


class RateLimitedError(SourceError):
    """Still too many requests after all retries."""

    is_retryable = True


class SourceUnavailableError(SourceError):
    """The source could not be reached or answered with a server error after all retries."""

    is_retryable = True


class MalformedAnswerError(SourceError):
    """An answer that cannot be read.

    Attributes:
        status: HTTP status of the answer.
        reason: one of the reason codes of the collection `dead_letters`.
        body: what came, cut at 1 MiB.
    """

    is_retryable = True

    def __init__(self, message: str, *, status: int, reason: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.body = body


class UnstorableAnswerError(MalformedAnswerError):
    """A readable answer of which the lake can hold nothing unchanged."""

    is_retryable = False


class EmptyAnswerError(SourceError):
    """A good answer that holds no coin: not a success, and nothing is stored."""

    is_retryable = True


class StoreError(CryptoassetsError):
    """MongoDB, Parquet or PostgreSQL."""


class StoreUnavailableError(StoreError):
    """No connection to a store, or it broke on the way."""

    is_retryable = True


class StoreNotRunningError(StoreError):
    """An embedded store is stopped, and this command starts nothing."""


class UpstreamNotMaterializedError(StoreError):
    """The partition that an asset reads is not in its store."""


class ExpiredPartitionError(StoreError):
    """Retention deleted the partition; it is not made again."""


class SchemaMismatchError(StoreError):
    """Columns or types differ from those of `cryptoassets.schemas`."""


class ContractViolationError(StoreError):
    """Keys or counts do not add up; nothing was published."""


class PartitionChangedError(StoreError):
    """Another run wrote a partition while this one prepared to add to it; nothing was added."""

    is_retryable = True


class OlderInputsError(StoreError):
    """A mart was made meanwhile from newer inputs than a run had read; nothing was published."""

    is_retryable = True


class UnknownRevisionError(StoreError):
    """The database was migrated by newer code; this code can neither read nor write it."""


class MixedSourcesError(StoreError):
    """Data of CoinCap and data that is not would meet in one store."""


class SparkJobError(CryptoassetsError):
    """Spark broke off a job, or its JVM is gone."""


class WorkerCodeError(SparkJobError):
    """A Spark worker runs other code, or another Python, than the driver."""


class EmbeddedError(CryptoassetsError):
    """A server, or the Java, that we start ourselves did not come up."""
