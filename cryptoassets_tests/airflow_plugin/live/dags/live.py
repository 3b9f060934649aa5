"""DAGs of the live tests: one task each, in the ways in which it can wait.

What to run comes with the DAG run: `{"job": ..., "partition": ...}`. Airflow's own file: it knows
nothing of the tests.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG

from cryptoassets_airflow.operator import DagsterMaterializeOperator

WAYS = {
    "live_deferred": {},
    "live_held": {"deferrable": False},
    "live_lost_answer": {"dagster_conn_id": "dagster_proxy"},
    "live_killed_webserver": {"dagster_conn_id": "dagster_frail"},
    "live_timeout": {"run_timeout": timedelta(seconds=12), "retries": 0},
    "live_task_timeout": {"execution_timeout": timedelta(seconds=12), "retries": 0},
}

for dag_id, options in WAYS.items():
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - as Airflow 2 has it
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
