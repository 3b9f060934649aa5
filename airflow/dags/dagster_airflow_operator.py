"""A DAG with dagster-airflow's own operator, for comparison; on Airflow 2 only.

The operator can only launch jobs without partitions, such as `end_dead_runs`. It occupies a worker
slot while it waits, its link leads to Dagster's cloud product, and a retry launches a second run.
`DagsterMaterializeOperator` exists because this operator does not support partitions, tags, assets
or time limits.

When the DAG is parsed, the operator needs the connection `dagster_airflow` (type `dagster`, with
`http://host:3000/graphql` as login). Without this connection, the DAG does not exist. The job is in
the raw layer's code location, which is named by the Airflow variable `cryptoassets_raw_location`
(default `cryptoassets`).
"""

from datetime import datetime, timezone
from importlib.util import find_spec

from airflow.exceptions import AirflowNotFoundException
from airflow.providers.common.compat.sdk import DAG, BaseHook

CONNECTION = "dagster_airflow"


def can_be_declared() -> bool:
    """Return whether dagster-airflow is installed and its Airflow connection exists."""
    if find_spec("dagster_airflow") is None:
        return False
    try:
        BaseHook.get_connection(CONNECTION)
    except AirflowNotFoundException:
        return False
    return True


if can_be_declared():
    from airflow.models import Variable
    from dagster_airflow import DagsterOperator

    with DAG(
        "launch_by_dagster_airflow",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - Airflow 2 may run on Python 3.10
        catchup=False,
        tags=["cryptoassets", "dagster-airflow"],
        doc_md=__doc__,
    ):
        DagsterOperator(
            task_id="end_dead_runs",
            dagster_conn_id=CONNECTION,
            repository_name="__repository__",
            # The misspelling is dagster-airflow's. Airflow renders no templates in this argument.
            repostitory_location_name=Variable.get("cryptoassets_raw_location", "cryptoassets"),
            job_name="end_dead_runs",
            # The open-source webserver needs no token, but the operator requires a value.
            user_token="none",  # noqa: S106
        )
