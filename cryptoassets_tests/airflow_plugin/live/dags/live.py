"""The live tests' DAGs: each has one task, with different options.

The DAG run's configuration is `{"job": ..., "partition": ...}`. Airflow loads this file, so it must
not import the tests.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG

from cryptoassets_airflow.operator import DagsterMaterializeOperator

OPTIONS = {
    "live_deferred": {},
    "live_held": {"deferrable": False},
    "live_lost_response": {"dagster_conn_id": "dagster_proxy"},
    "live_killed_webserver": {"dagster_conn_id": "dagster_frail"},
    "live_skipped": {"skip_on": ["UpstreamNotMaterializedError"]},
    "live_timeout": {"run_timeout": timedelta(seconds=12), "retries": 0},
    "live_task_timeout": {"execution_timeout": timedelta(seconds=12), "retries": 0},
}

for dag_id, options in OPTIONS.items():
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - Airflow 2 may run on Python 3.10
        is_paused_upon_creation=False,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
    ) as dag:
        DagsterMaterializeOperator(
            task_id="run",
            location="cryptoassets",
            job_name="{{ dag_run.conf['job'] }}",
            partition_key="{{ dag_run.conf.get('partition', '') }}",
            **options,
        )
    globals()[dag_id] = dag
