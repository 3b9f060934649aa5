"""The DAGs that launch the product's Dagster jobs, on Airflow 2.11 and 3.

What goes here: declaring the DAGs. What stays out: launching and watching a run (in the plugin
`cryptoassets_airflow`), what the jobs do (in Dagster).

Settings: the Airflow variables `cryptoassets_raw_location` and `cryptoassets_processing_location`
are the names of Dagster's code locations (default `cryptoassets`). Three more settings are read
from the environment of the Airflow processes:

- `CRYPTOASSETS_AIRFLOW_POOL`: the pool of all tasks (default `default_pool`).
- `CRYPTOASSETS_SINCE`: the first partition. Intervals from then on can be backfilled.
- `CRYPTOASSETS_FIRST_START`: when this platform was first started. Intervals before this time or
  before the first partition are not scheduled, except one interval of the rates.

The last two are ISO dates, or dates and times (UTC unless they have an offset).
"""

import os
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from cryptoassets_airflow.deadlines import late_after
from cryptoassets_airflow.locations import DagsterReadyOperator
from cryptoassets_airflow.operator import DagsterMaterializeOperator
from cryptoassets_airflow.partitions import partition_of_documents
from cryptoassets_airflow.since import first_moment

RAW_LOCATION = "{{ var.value.get('cryptoassets_raw_location', 'cryptoassets') }}"
PROCESSING_LOCATION = "{{ var.value.get('cryptoassets_processing_location', 'cryptoassets') }}"

# A DAG run that is triggered without a logical date has no data interval; use `run_after` then.
_START = "(data_interval_start | default(dag_run.run_after))"
_END = "(data_interval_end | default(dag_run.run_after))"
HOUR_BEING_FILLED = f"{{{{ {_END}.strftime('%Y-%m-%d-%H:00') }}}}"
HOUR_JUST_CLOSED = f"{{{{ {_START}.strftime('%Y-%m-%d-%H:00') }}}}"
DAY_OF_THAT_HOUR = f"{{{{ {_START}.strftime('%Y-%m-%d') }}}}"

# The interval may have ended hours before the DAG run starts. Retries keep the DAG run's start.
_RUN_START = f"(dag_run.start_date or {_END})"
HOUR_OF_RUN = f"{{{{ {_RUN_START}.strftime('%Y-%m-%d-%H:00') }}}}"


def _hour_of_documents(task_id: str, moment: str) -> str:
    """Return a Jinja expression: the hour of the task's documents, or `moment`'s hour if none."""
    default = f"{moment}.strftime('%Y-%m-%d-%H:00')"
    return f"partition_of_documents(ti.xcom_pull(task_ids='{task_id}'), {default})"


_SNAPSHOT = _hour_of_documents("ingest_coincap", _END)
HOUR_OF_SNAPSHOT = f"{{{{ {_SNAPSHOT} }}}}"
DAY_OF_SNAPSHOT = f"{{{{ {_SNAPSHOT}[:10] }}}}"
HOUR_OF_RATES = f"{{{{ {_hour_of_documents('fetch_rates', _RUN_START)} }}}}"

FIRST_HOUR = first_moment().replace(minute=0, second=0, microsecond=0)
FIRST_DAY = FIRST_HOUR.replace(hour=0)

DEFAULTS = {
    "owner": "cryptoassets",
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "pool": os.environ.get("CRYPTOASSETS_AIRFLOW_POOL") or "default_pool",
}


def declare(dag_id: str, cron: str, *, late: timedelta, doc_md: str, **options: Any) -> DAG:
    """Declare a DAG; `late` is the time after which an unfinished run raises an alert."""
    alert = late_after(late)
    return DAG(
        dag_id,
        # "@daily" means different days on Airflow 2 and 3; this timetable is the same on both.
        schedule=CronDataIntervalTimetable(cron, timezone="UTC"),
        doc_md=doc_md,
        tags=["cryptoassets", "dagster"],
        user_defined_macros={"partition_of_documents": partition_of_documents},
        default_args={**DEFAULTS, **alert.pop("default_args", {})},
        **alert,
        **options,
    )


with declare(
    "materialize_cryptoassets_snapshots",
    "*/5 * * * *",
    late=timedelta(minutes=10),
    start_date=FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=40),
    doc_md="""
Every 5 minutes: fetch a snapshot from CoinCap into MongoDB, then clean the hour's documents with
Spark and publish them to PostgreSQL, then refresh the day's marts. Each step is a task with its own
Dagster run and is retried separately. The hour and the day are those that contain the interval's
end. If the snapshot is fetched only after the end of its hour, the other tasks process the next
hour. Missed intervals are not run later, because a snapshot only contains current prices.
""",
):
    # Higher priority than backfills, which share the pool.
    first = {"priority_weight": 10, "weight_rule": "absolute"}
    ready = DagsterReadyOperator(
        task_id="check_dagster", locations=[RAW_LOCATION, PROCESSING_LOCATION], **first
    )
    ingest = DagsterMaterializeOperator(
        task_id="ingest_coincap",
        location=RAW_LOCATION,
        job_name="ingest",
        partition_key=HOUR_BEING_FILLED,
        run_timeout=timedelta(minutes=10),
        # Skip a past hour without documents, e.g. if the task is cleared later.
        skip_on=["PastPartitionError"],
        **first,
    )
    process = DagsterMaterializeOperator(
        task_id="process_with_spark",
        location=PROCESSING_LOCATION,
        job_name="process",
        partition_key=HOUR_OF_SNAPSHOT,
        run_timeout=timedelta(minutes=20),
        skip_on=["UpstreamNotMaterializedError"],
        **first,
    )
    # The next snapshot waits for this task, which therefore has the same priority as the other
    # tasks and a short timeout. If it times out, the next DAG run refreshes the marts.
    marts = DagsterMaterializeOperator(
        task_id="refresh_marts",
        location=PROCESSING_LOCATION,
        job_name="marts",
        partition_key=DAY_OF_SNAPSHOT,
        run_timeout=timedelta(minutes=3),
        **first,
    )
    ready >> ingest >> process >> marts


with declare(
    "process_cryptoassets_hourly",
    "10 * * * *",
    late=timedelta(minutes=45),
    # Earlier hours have no raw documents.
    start_date=FIRST_HOUR,
    catchup=False,
    max_active_runs=2,
    doc_md="""
Ten minutes past each hour: process all raw documents of the hour that has just ended, without
fetching anything; then refresh the marts of that hour's day. Backfill this DAG to process past
hours again: each interval is one hourly partition. An hour is skipped if it has no raw documents
because the platform was off. It succeeds with 0 rows if its only snapshot was fetched so late that
the snapshot belongs to the next hour.
""",
):
    ready = DagsterReadyOperator(task_id="check_dagster", locations=[PROCESSING_LOCATION])
    process = DagsterMaterializeOperator(
        task_id="process_closed_hour",
        location=PROCESSING_LOCATION,
        job_name="process",
        partition_key=HOUR_JUST_CLOSED,
        skip_on=["UpstreamNotMaterializedError"],
    )
    marts = DagsterMaterializeOperator(
        task_id="refresh_marts",
        location=PROCESSING_LOCATION,
        job_name="marts",
        partition_key=DAY_OF_THAT_HOUR,
    )
    ready >> process >> marts


with declare(
    "materialize_cryptoassets_daily",
    "0 0 * * *",
    late=timedelta(hours=3),
    start_date=FIRST_DAY,
    catchup=True,
    max_active_runs=1,
    doc_md="""
Daily, with catch-up from the day of the platform's first start; can be backfilled. Fetch the day's
history from CoinCap into MongoDB, then clean and publish it, then refresh the day's marts. Each
step is a task with its own Dagster run and is retried separately. Fetched history is processed even
if fetching failed for some coins. If `COINCAP_HISTORY_INTERVAL` is shorter than half an hour, the
last points of a day may be missing; the command `backfill --gaps` fetches them.
""",
):
    ready = DagsterReadyOperator(
        task_id="check_dagster", locations=[RAW_LOCATION, PROCESSING_LOCATION]
    )
    fetch = DagsterMaterializeOperator(
        task_id="fetch_history",
        location=RAW_LOCATION,
        job_name="history",
        assets=["raw/coin_history"],
        partition_key=DAY_OF_THAT_HOUR,
        run_timeout=timedelta(hours=6),
    )
    history = DagsterMaterializeOperator(
        task_id="process_history",
        location=PROCESSING_LOCATION,
        job_name="history",
        assets=["clean/coin_price_history", "warehouse/coin_price_history"],
        partition_key=DAY_OF_THAT_HOUR,
        trigger_rule="all_done",
        skip_on=["UpstreamNotMaterializedError"],
    )
    marts = DagsterMaterializeOperator(
        task_id="refresh_marts",
        location=PROCESSING_LOCATION,
        job_name="marts",
        partition_key=DAY_OF_THAT_HOUR,
        trigger_rule="none_failed",
    )
    ready >> fetch >> history >> marts


with declare(
    "materialize_cryptoassets_rates",
    "7 */6 * * *",
    late=timedelta(minutes=45),
    # A day earlier, so that Airflow schedules the last interval before the first start at once.
    start_date=FIRST_DAY - timedelta(days=1),
    catchup=False,
    max_active_runs=1,
    doc_md="""
Every 6 hours: fetch the exchange rates of `CRYPTOASSETS_CURRENCIES` from CoinCap, then clean and
publish them. If `CRYPTOASSETS_ECB_RATES` is set, also read the ECB's daily rates when those of a
new business day have been published.
Each DAG run fetches the hour in which it starts, because CoinCap only returns current rates.
Therefore, missed intervals are not run later.
""",
):
    ready = DagsterReadyOperator(
        task_id="check_dagster", locations=[RAW_LOCATION, PROCESSING_LOCATION]
    )
    fetch = DagsterMaterializeOperator(
        task_id="fetch_rates",
        location=RAW_LOCATION,
        job_name="rates",
        assets=["raw/rates"],
        partition_key=HOUR_OF_RUN,
        skip_on=["PastPartitionError"],
    )
    rates = DagsterMaterializeOperator(
        task_id="process_rates",
        location=PROCESSING_LOCATION,
        job_name="rates",
        assets=["clean/fx_rates", "warehouse/fx_rates", "warehouse/ecb_rates"],
        partition_key=HOUR_OF_RATES,
        skip_on=["UpstreamNotMaterializedError"],
    )
    ready >> fetch >> rates
