"""The plugin's errors, and whether Airflow should retry the task.

DagsterError                 a retry may help
    DagsterUnavailableError      no response, or a retryable error, even after repeated requests
    DagsterRunError              the run failed, was cancelled, timed out or cannot be found
    DagsterUnknownJobError       the code location, or its job, does not exist
DagsterRefusedError          a retry will not help: Airflow fails the task at once
    DagsterChecksFailedError     the run has ended, but checks of severity ERROR failed

What stays out: log messages (in `outcome`).
"""

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException


class DagsterError(AirflowException):
    """Dagster did not do what was requested; a retry may help."""


class DagsterUnavailableError(DagsterError):
    """Dagster sent no response, an unreadable one, or a retryable error.

    Attributes:
        may_have_arrived: False if the request was certainly not sent.
    """

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class DagsterRunError(DagsterError):
    """The run did not succeed."""


class DagsterUnknownJobError(DagsterError):
    """Dagster has no such code location, or the code location has no such job."""


class DagsterRefusedError(AirflowFailException):
    """A retry will not help, so Airflow fails the task at once."""


class DagsterChecksFailedError(DagsterRefusedError):
    """Asset checks of severity ERROR failed; another run would give the same result."""
