"""The only hierarchy of errors; use the tree below to choose what to catch.

What goes here: every error that this package raises on purpose. What stays out: translating errors
to Dagster's `Failure` (in `resources.failures`) and to exit codes (in `cli`).

CryptoassetsError
  + SettingsError                 a setting or an option is wrong; exit code 2
      + AnalystLoginError         there is no read-only log-in, or its role can write
      + ExtraMissingError         an optional package is not installed
  + SourceError                   CoinCap did not return the requested data
      + BadKeyError               401, 403: the key is missing or refused
      + CreditsSpentError         CoinCap or our ledger reports that the month's credits are spent
          + PaceError             credits are left, but it is too early to spend them
      + PlanError                 the plan does not cover this call, or the plan is not paid for
      + BlockedError              a proxy in front of CoinCap returned a web page or text
      + RequestRefusedError       400 and other 4xx: a wrong request, e.g. its window is too long
      + CoinNotFoundError         404: this coin, or its history, does not exist
      + RateLimitedError          429 after all retries
      + SourceUnavailableError    5xx, timeout, connection reset or refused, after all retries
      + MalformedResponseError    a response that cannot be parsed, or is too large
          + UnstorableResponseError  MongoDB cannot store any part of the response unchanged
      + EmptyResponseError        a valid response without coins
      + PastPartitionError        a past hour without documents; CoinCap returns only current prices
  + StoreError                    a problem with MongoDB, Parquet or PostgreSQL
      + StoreUnavailableError     no connection, or a lost connection
      + StoreNotRunningError      an embedded store is stopped; exit code 3
      + UpstreamNotMaterializedError  the partition to read is missing or damaged
      + ExpiredPartitionError     retention deleted the partition
      + SchemaMismatchError       columns or types differ from `schemas`
      + ContractViolationError    keys or counts are inconsistent; nothing was published
      + PartitionChangedError     another run wrote a partition while this run was using it
      + OlderInputsError          another run has already published the mart from newer inputs
      + UnknownRevisionError      newer code migrated the database; this code is too old for it
      + MixedSourcesError         simulated and real data would be mixed in one store
      + QueryError                PostgreSQL refused a reader's query, or a value fits no Arrow type
  + SparkJobError                 Spark aborted a job, or its JVM has ended
      + WorkerCodeError           a Spark worker runs different code than the driver
      + NoExecutorError           a job has waited too long for an executor of the Spark cluster
  + EmbeddedError                 an embedded server, or Java, did not start
"""

from typing import ClassVar


class CryptoassetsError(Exception):
    """Base class; `is_retryable` is true if the same call, unchanged, may succeed later."""

    is_retryable: ClassVar[bool] = False


class SettingsError(CryptoassetsError):
    """A setting or an option is wrong or missing."""


class AnalystLoginError(SettingsError):
    """There is no read-only log-in, or the role of the given log-in can write."""


class ExtraMissingError(SettingsError):
    """An optional package is not installed; the message names the extra that contains it."""


class SourceError(CryptoassetsError):
    """CoinCap did not return the requested data."""


class BadKeyError(SourceError):
    """The API key is missing or refused."""


class CreditsSpentError(SourceError):
    """This month's credits are spent."""


class PaceError(CreditsSpentError):
    """Credits are left, but it is too early to spend them."""


class PlanError(SourceError):
    """The plan behind the API key does not cover this call."""


class BlockedError(SourceError):
    """A proxy or firewall in front of the source answered instead of the source."""


class RequestRefusedError(SourceError):
    """The source refused this request; a different one, e.g. for a shorter window, may succeed."""


class CoinNotFoundError(SourceError):
    """This coin, or its history, does not exist at the source."""


class RateLimitedError(SourceError):
    """The source still returned HTTP 429 (too many requests) after all retries."""

    is_retryable = True


class SourceUnavailableError(SourceError):
    """After all retries, the source was still unreachable or still returned a server error."""

    is_retryable = True


class MalformedResponseError(SourceError):
    """A response that cannot be parsed or is too large.

    Attributes:
        status: HTTP status of the response.
        reason: one of the reason codes of the collection `dead_letters`.
        body: the received body, cut at 1 MiB; empty if the body itself need not be stored.
    """

    is_retryable = True

    def __init__(self, message: str, *, status: int, reason: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.body = body


class UnstorableResponseError(MalformedResponseError):
    """The response is readable, but MongoDB cannot store any part of it unchanged."""

    is_retryable = False


class EmptyResponseError(SourceError):
    """A valid response without coins. It counts as a failure, and nothing is stored."""

    is_retryable = True


class PastPartitionError(SourceError):
    """The partition is in the past and was never fetched; only current prices can be fetched."""


class StoreError(CryptoassetsError):
    """A problem with MongoDB, Parquet or PostgreSQL."""


class StoreUnavailableError(StoreError):
    """A store cannot be reached, or the connection was lost."""

    is_retryable = True


class StoreNotRunningError(StoreError):
    """An embedded store is stopped, and this command starts nothing."""


class UpstreamNotMaterializedError(StoreError):
    """The partition that an asset reads is missing from its store, or damaged."""


class ExpiredPartitionError(StoreError):
    """Retention deleted the partition, which is never created again."""


class SchemaMismatchError(StoreError):
    """Columns or types differ from those of `cryptoassets.schemas`."""


class ContractViolationError(StoreError):
    """Keys or counts are inconsistent; nothing was published."""


class PartitionChangedError(StoreError):
    """Another run wrote a partition while this run was reading it or preparing to write it."""

    is_retryable = True


class OlderInputsError(StoreError):
    """Another run has published the mart from newer inputs; nothing was published."""

    is_retryable = True


class UnknownRevisionError(StoreError):
    """The database was migrated by newer code; this code can neither read nor write it."""


class MixedSourcesError(StoreError):
    """Data from CoinCap and data from another source would be mixed in one store."""


class QueryError(StoreError):
    """PostgreSQL refused a query from `analysis`, or a value in the result fits no Arrow type."""


class SparkJobError(CryptoassetsError):
    """Spark aborted a job, or its JVM has ended."""


class WorkerCodeError(SparkJobError):
    """A Spark worker runs different code, or a different Python version, than the driver."""


class NoExecutorError(SparkJobError):
    """The Spark cluster gave a job no executor for minutes, so Spark was stopped."""

    is_retryable = True


class EmbeddedError(CryptoassetsError):
    """An embedded server, or the Java that Spark needs, did not start."""
