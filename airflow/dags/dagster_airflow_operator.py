"""On Airflow 2 only: dagster-airflow's own operator, to compare.

It launches a job without partitions, which of the product's jobs only `end_dead_runs` is; it holds
a worker slot while it waits, its link leads to the cloud product, and a retry of it launches a
second run. `DagsterMaterializeOperator` exists because of what it cannot do: no partition, no
tags, no assets, no time limit.

It asks for its connection `dagster_airflow` (type `dagster`, `http://host:3000/graphql` as login)
while the DAG is parsed: without that connection there is no such DAG. The job is in the location of
the raw layer: the Airflow variable `cryptoassets_raw_location`, `cryptoassets` unless set.
"""

from datetime import datetime, timezone
from importlib.util import find_spec

from airflow.exceptions import AirflowNotFoundException
from airflow.providers.common.compat.sdk import DAG, BaseHook

CONNECTION = "dagster_airflow"


def can_be_declared() -> bool:
    """Tell whether dagster-airflow is installed and has its connection."""
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
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - as Airflow 2 has it
        catchup=False,
        tags=["cryptoassets", "dagster-airflow"],
        doc_md=__doc__,
    ):
        DagsterOperator(
            task_id="end_dead_runs",
            dagster_conn_id=CONNECTION,
            repository_name="__repository__",
            # Spelt so by dagster-airflow, and no template.
            repostitory_location_name=Variable.get("cryptoassets_raw_location", "cryptoassets"),
            job_name="end_dead_runs",
            # Any: the open-source webserver asks for none, but without it the operator refuses.
            user_token="none",  # noqa: S106
        )
