"""The one tree of errors; use it to choose the right `except`.

What goes here: every error that this package raises on purpose. What stays out: translation to
Dagster's `Failure` (in `assets`) and exit codes (in `cli`).

CryptoassetsError
  + SettingsError                 a setting or an option is wrong; exit code 2
      + AnalystLoginError         there is no log-in that can only read
      + ExtraMissingError         an optional package is not installed
  + SourceError                   CoinCap did not return the requested data
      + BadKeyError               401, 403: the key is missing or refused
      + CreditsSpentError         the month's credits are spent, at CoinCap or by our own ledger
          + PaceError             credits are left, but it is too early to spend them
      + PlanError                 the plan does not cover this call, or it is not paid for
      + BlockedError              a web page or text from a proxy in front of CoinCap
      + RequestRefusedError       400 and other 4xx: the request itself, e.g. a window too long
      + CoinNotFoundError         404: this coin, or its history, does not exist
      + RateLimitedError          429 after all retries
      + SourceUnavailableError    5xx, timeout, reset, refused connection after all retries
      + MalformedAnswerError      an answer that cannot be read, or is too large
          + UnstorableAnswerError   MongoDB can store none of its coins unchanged
      + EmptyAnswerError          a valid answer without coins
      + PastPartitionError        a past hour without documents; only current prices are returned
  + StoreError                    MongoDB, Parquet or PostgreSQL
      + StoreUnavailableError     no connection, or it was lost
      + StoreNotRunningError      an embedded store is stopped; exit code 3
      + UpstreamNotMaterializedError  the requested partition does not exist
      + ExpiredPartitionError     retention deleted the partition
      + SchemaMismatchError       columns or types differ from `schemas`
      + ContractViolationError    keys or counts do not add up; nothing was published
      + PartitionChangedError     another run wrote a partition between reading and writing it
      + OlderInputsError          another run has published the mart from newer prices
      + UnknownRevisionError      newer code migrated the database; this code is too old for it
      + MixedSourcesError         simulated and real data would be mixed in one store
      + QueryError                PostgreSQL refused a reader's query, or the result fits no type
  + SparkJobError                 Spark aborted a job, or its JVM has ended
      + WorkerCodeError           a Spark worker runs other code than the driver
      + NoExecutorError           the Spark cluster has given a job no executor for minutes
  + EmbeddedError                 a server or Java that we start ourselves did not start
"""

from typing import ClassVar


class CryptoassetsError(Exception):
    """Base of all; `is_retryable` is true if the same call may succeed later unchanged."""

    is_retryable: ClassVar[bool] = False


class SettingsError(CryptoassetsError):
    """A setting or an option is wrong or missing."""


class AnalystLoginError(SettingsError):
    """There is no log-in that can only read, or the given one can write."""


class ExtraMissingError(SettingsError):
    """An optional package is not installed; the message names the extra that contains it."""


class SourceError(CryptoassetsError):
    """CoinCap did not return the requested data."""


class BadKeyError(SourceError):
    """The API key is missing or refused."""


class CreditsSpentError(SourceError):
    """The credits of this month are spent."""


class PaceError(CreditsSpentError):
    """Credits are left, but it is too early to spend them."""


class PlanError(SourceError):
    """The plan behind the API key does not cover this call."""


class BlockedError(SourceError):
    """A proxy or firewall in front of the source answered in its place."""


class RequestRefusedError(SourceError):
    """The source refuses this request; it may accept another, e.g. for a shorter window."""


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
        body: the received body, cut at 1 MiB.
    """

    is_retryable = True

    def __init__(self, message: str, *, status: int, reason: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.body = body


class UnstorableAnswerError(MalformedAnswerError):
    """A readable answer, no part of which MongoDB can store unchanged."""

    is_retryable = False


class EmptyAnswerError(SourceError):
    """A valid answer without coins: not a success, and nothing is stored."""

    is_retryable = True


class PastPartitionError(SourceError):
    """The partition is in the past and was never fetched; only current prices can be fetched."""


class StoreError(CryptoassetsError):
    """MongoDB, Parquet or PostgreSQL."""


class StoreUnavailableError(StoreError):
    """No connection to a store, or the connection was lost."""

    is_retryable = True


class StoreNotRunningError(StoreError):
    """An embedded store is stopped, and this command starts nothing."""


class UpstreamNotMaterializedError(StoreError):
    """The partition that an asset reads is not in its store."""


class ExpiredPartitionError(StoreError):
    """Retention deleted the partition; it is not created again."""


class SchemaMismatchError(StoreError):
    """Columns or types differ from those of `cryptoassets.schemas`."""


class ContractViolationError(StoreError):
    """Keys or counts do not add up; nothing was published."""


class PartitionChangedError(StoreError):
    """Another run wrote a partition while this one prepared to add rows to it; none was added."""

    is_retryable = True


class OlderInputsError(StoreError):
    """Another run has published the mart from newer inputs; nothing was published."""

    is_retryable = True


class UnknownRevisionError(StoreError):
    """The database was migrated by newer code; this code can neither read nor write it."""


class MixedSourcesError(StoreError):
    """Data from CoinCap and data from another source would be mixed in one store."""


class QueryError(StoreError):
    """PostgreSQL refused a query of `analysis`, or its result fits no type of Arrow."""


class SparkJobError(CryptoassetsError):
    """Spark aborted a job, or its JVM has ended."""


class WorkerCodeError(SparkJobError):
    """A Spark worker runs other code, or another Python, than the driver."""


class NoExecutorError(SparkJobError):
    """The Spark cluster has given a job no executor for minutes, so it was ended."""

    is_retryable = True


class EmbeddedError(CryptoassetsError):
    """A server or the Java that we start ourselves did not start."""
