"""Jobs, schedules and sensors.

What goes here: which assets run together, and when. What stays out: the assets (in `assets`). A job
has one partitioning and lives in one code location, hence several of them.

Airflow is the scheduler; the schedule here is off and for those who run without Airflow.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import structlog

from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.io_managers.address import partition_name
from cryptoassets.partitions import range_tags
from cryptoassets.resources.history import HistoryResource
from cryptoassets.resources.history_tags import GAPS_TAG
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.backfill import adjoining, chunks, days_to_heal
from cryptoassets.upkeep.retention_job import retention, retention_daily

RAW_SNAPSHOTS = dg.AssetKey(["raw", "coin_snapshots"])
_SCHEDULE_TAG = "cryptoassets/every_five_minutes"
_HOUR_FORMAT = "%Y-%m-%d-%H:00"

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(RAW_SNAPSHOTS),
    description="Fetch the open hour's snapshot from CoinCap into MongoDB; needs no Spark.",
)
process = dg.define_asset_job(
    "process",
    selection=dg.AssetSelection.assets(
        ["clean", "coin_prices"], ["warehouse", "coins"], ["warehouse", "coin_prices"]
    ),
    description="Clean an hour, or each of a range, by Spark and publish it to PostgreSQL; whole, "
    "as often as you like.",
)
marts = dg.define_asset_job(
    "marts",
    selection=dg.AssetSelection.groups("marts"),
    description="Daily figures of a day, or of each day of a range, from the warehouse.",
)


_GOING_ON = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_HISTORY = {
    "raw": ["raw", "coin_history"],
    "clean": ["clean", "coin_price_history"],
    "warehouse": ["warehouse", "coin_price_history"],
}


def history(layers: Collection[str]) -> list[Any]:
    """The job `history` as far as it lies in a code location's layers; none, or one."""
    keys = [key for layer, key in _HISTORY.items() if layer in layers]
    if not keys:
        return []
    job = dg.define_asset_job(
        "history",
        selection=dg.AssetSelection.assets(*keys),
        description="History of days: fetched into MongoDB, cleaned and published, or what of that "
        "this code location does. Takes one day or a range of days.",
    )
    return [job]


def heal_gaps(layers: Collection[str]) -> list[dg.SensorDefinition]:
    """The sensor `heal_gaps` for what of `history` lies in these layers; off by default."""
    fetches, processes = "raw" in layers, "warehouse" in layers
    if not (fetches or processes):
        return []

    @dg.sensor(
        name="heal_gaps",
        job_name="history",
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Find holes in the history, list them in warehouse.gaps, and ask for them once "
        "more.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, history: HistoryResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        going_on = dg.RunsFilter(job_name="history", statuses=_GOING_ON)
        if context.instance.get_runs(going_on, limit=1):
            yield dg.SkipReason("a run of history is going on")
            return
        days = days_to_heal(history, fetches=fetches, processes=processes)
        for week in chunks(days)[:1]:
            for some in adjoining(week):
                first, last = partition_name(some[0]), partition_name(some[-1])
                yield dg.RunRequest(tags={**range_tags(first, last), GAPS_TAG: "yes"})
        if not days:
            yield dg.SkipReason("no gap to heal")

    return [sensor]


@dg.schedule(
    job=ingest,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def ingest_every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Fetch a snapshot every 5 minutes; `process_what_was_fetched` follows. Off by default."""
    moment = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(
        run_key=moment.isoformat(),
        partition_key=moment.strftime(_HOUR_FORMAT),
        tags={_SCHEDULE_TAG: "yes"},
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    # In compose `ingest` runs in another code location than this sensor.
    monitor_all_code_locations=True,
    request_job=process,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def process_what_was_fetched(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Process the hour of a scheduled `ingest`; runs of Airflow or by hand have their own."""
    run = context.dagster_run
    if _SCHEDULE_TAG not in run.tags:
        return dg.SkipReason("not launched by the 5-minute schedule")
    return dg.RunRequest(run_key=run.run_id, partition_key=run.tags["dagster/partition"])


@dg.sensor(
    job=process,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def late_documents(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Process hours that got documents from another hour's run."""
    after = int(context.cursor) if context.cursor else 0
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=RAW_SNAPSHOTS, after_storage_id=after),
        limit=500,
        ascending=True,
    ).records
    late: dict[str, int] = {}
    for record in records:
        made = record.asset_materialization
        if made is not None and made.partition and "late" in made.metadata:
            late[made.partition] = record.storage_id
    for partition, storage_id in late.items():
        yield dg.RunRequest(run_key=f"{partition} {storage_id}", partition_key=partition)
    if records:
        context.update_cursor(str(records[-1].storage_id))
    if not late:
        yield dg.SkipReason("no document came late")


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Log each failed run with its partition and the sentence of each failed step."""
    run = context.dagster_run
    log = structlog.get_logger("cryptoassets.runs")
    steps = {
        event.step_key: (event.step_failure_data.error_display_string or "").strip()[:2000]
        for event in context.get_step_failure_events()
    }
    log.error(
        "run failed",
        job=run.job_name,
        run_id=run.run_id,
        partition=run.tags.get("dagster/partition"),
        steps=steps or context.failure_event.message,
    )


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fail runs whose process is gone, so that nobody waits on them for ever."""
    failed = fail_dead_runs(context.instance)
    told = f"failed {', '.join(failed)}" if failed else "every started run has its process"
    return dg.SkipReason(f"{told} ({datetime.now(UTC):%H:%M:%S} UTC)")


@dg.op
def fail_runs_without_process(context: dg.OpExecutionContext) -> None:
    """Fail runs whose process is gone, and log which."""
    failed = fail_dead_runs(context.instance)
    context.log.info("Failed %d dead runs: %s", len(failed), ", ".join(failed) or "none")


@dg.job(description="What the sensor `dead_runs` does, once and now; has no partition.")
def end_dead_runs() -> None:
    """Fail runs whose process is gone."""
    fail_runs_without_process()


class PurgeConfig(dg.Config):
    """What may go; both can be set in the launchpad."""

    older_than_days: float | None = None
    """Age in days; left out: `DAGSTER_RUNS_RETENTION_DAYS`."""
    dry_run: bool = False
    """Say what would go, and delete nothing."""


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, config: PurgeConfig) -> None:
    """Delete superseded runs of that age with their events, and log how many."""
    days = config.older_than_days
    days = load_settings().dagster_runs_retention_days if days is None else days
    if not days:
        context.log.info("Nothing was purged: DAGSTER_RUNS_RETENTION_DAYS is not set")
        return
    oldest = datetime.now(UTC) - timedelta(days=days)
    purge = purge_runs(context.instance, oldest, dry_run=config.dry_run)
    context.log.info(
        "%s %d finished runs from before %s with their events; %d hold the newest materialization "
        "of a partition and stay",
        "Would delete" if config.dry_run else "Deleted",
        len(purge.deleted),
        f"{oldest:%Y-%m-%d %H:%M} UTC",
        purge.kept,
    )


@dg.job(
    description="Delete finished runs older than DAGSTER_RUNS_RETENTION_DAYS with their events; "
    "each partition keeps the run that materialized it last. Has no partition."
)
def purge_old_runs() -> None:
    """Bound Dagster's event log, which Dagster does not."""
    delete_old_runs()


@dg.schedule(
    job=purge_old_runs,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def purge_old_runs_daily() -> dg.RunRequest:
    """Purge at 03:17 UTC. Off by default."""
    return dg.RunRequest()


JOBS: dict[str, list[Any]] = {
    "raw": [ingest, end_dead_runs, purge_old_runs],
    "warehouse": [process, retention],
    "marts": [marts],
}
"""Layer to the jobs that need it; a job's other layers are in the same code location."""

SCHEDULES: dict[str, list[dg.ScheduleDefinition]] = {
    "raw": [ingest_every_five_minutes, purge_old_runs_daily],
    "warehouse": [retention_daily],
}
"""By layer, as `JOBS`; all are off until they are switched on."""
