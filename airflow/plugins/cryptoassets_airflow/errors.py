"""What can go wrong, and whether Airflow should try again.

DagsterError                 a retry may help
    DagsterUnavailableError      no answer, or "later": the request was safe to send again, and was
    DagsterRunError              the run failed, was cancelled, timed out or got lost
DagsterRefusedError          a retry will not help: Airflow fails the task at once
    DagsterChecksFailedError     the run is done, but checks of severity ERROR failed

What stays out: texts for people in logs (in `outcome`).
"""

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException


class DagsterError(AirflowException):
    """Dagster did not do what it was asked to; a retry may help."""


class DagsterUnavailableError(DagsterError):
    """Dagster gave no answer, or none that can be read."""

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class DagsterRunError(DagsterError):
    """The run did not end well."""


class DagsterRefusedError(AirflowFailException):
    """Dagster refused the request, and will refuse it again."""


class DagsterChecksFailedError(DagsterRefusedError):
    """Asset checks of severity ERROR failed; running the same again gives the same."""
