"""Jobs and schedules.

What goes here: which assets run together, and when. What stays out: the assets (in `assets`), runs
that events request (in `sensors`). There are several jobs because a job has one partitioning and
belongs to one code location.

Airflow is the scheduler. The schedules here are off; they are for users without Airflow.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.retention_job import retention, retention_daily

RAW_SNAPSHOTS = dg.AssetKey(["raw", "coin_snapshots"])
SCHEDULE_TAG = "cryptoassets/every_five_minutes"
"""Tag of the runs of the 5-minute schedule."""
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
    description="Clean an hour, or each hour of a range, with Spark and publish it to PostgreSQL. "
    "Each run replaces the whole hour and can be repeated.",
)
marts = dg.define_asset_job(
    "marts",
    selection=dg.AssetSelection.groups("marts"),
    description="Compute the daily figures of a day, or of each day of a range, from the "
    "warehouse.",
)


_HISTORY = {
    "raw": ["raw", "coin_history"],
    "clean": ["clean", "coin_price_history"],
    "warehouse": ["warehouse", "coin_price_history"],
}


def _history(layers: Collection[str]) -> list[Any]:
    """Return the part of the job `history` in a code location's layers; one job, or none."""
    keys = [key for layer, key in _HISTORY.items() if layer in layers]
    if not keys:
        return []
    job = dg.define_asset_job(
        "history",
        selection=dg.AssetSelection.assets(*keys),
        description="Fetch the history of days into MongoDB, clean and publish it; each code "
        "location does its part of these steps. Takes one day or a range of days.",
    )
    return [job]


@dg.schedule(
    job=ingest,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Fetch a snapshot every 5 minutes; then the sensor `process_what_was_fetched` "
    "requests its processing.",
)
def ingest_every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Fetch every 5 minutes; then the sensor `process_what_was_fetched` acts. Off by default."""
    moment = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(
        run_key=moment.isoformat(),
        partition_key=moment.strftime(_HOUR_FORMAT),
        tags={SCHEDULE_TAG: "yes"},
    )


@dg.op
def fail_runs_without_process(context: dg.OpExecutionContext) -> None:
    """Fail runs whose process is gone, and log their ids."""
    failed = fail_dead_runs(context.instance)
    context.log.info("Failed %d dead runs: %s", len(failed), ", ".join(failed) or "none")


@dg.job(description="Do now, once, what the sensor `dead_runs` does. Has no partition.")
def end_dead_runs() -> None:
    """Fail runs whose process is gone."""
    fail_runs_without_process()


class PurgeConfig(dg.Config):
    """Options that can be set in the launchpad."""

    older_than_days: float | None = Field(
        None, description="Age in days; default: `DAGSTER_RUNS_RETENTION_DAYS`."
    )
    dry_run: bool = Field(False, description="Only report what would be deleted.")


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, config: PurgeConfig) -> None:
    """Delete superseded runs of that age with their events, and log their number."""
    days = config.older_than_days
    days = load_settings().dagster_runs_retention_days if days is None else days
    if not days:
        context.log.info("Nothing was purged: DAGSTER_RUNS_RETENTION_DAYS is not set")
        return
    oldest = datetime.now(UTC) - timedelta(days=days)
    purge = purge_runs(context.instance, oldest, dry_run=config.dry_run)
    context.log.info(
        "%s %d finished runs from before %s with their events; %d hold the newest materialization "
        "of a partition and are kept",
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
    """Limit the size of Dagster's event log, which Dagster itself does not limit."""
    delete_old_runs()


@dg.schedule(
    job=purge_old_runs,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Run `purge_old_runs` every day at 03:17 UTC.",
)
def purge_old_runs_daily() -> dg.RunRequest:
    """Purge at 03:17 UTC. Off by default."""
    return dg.RunRequest()


def jobs_in(layers: Collection[str]) -> list[Any]:
    """Return the jobs of a code location with these layers."""
    return [
        *([ingest, end_dead_runs, purge_old_runs] if "raw" in layers else []),
        *([process, retention] if "warehouse" in layers else []),
        *([marts] if "marts" in layers else []),
        *_history(layers),
    ]


def schedules_in(layers: Collection[str]) -> list[dg.ScheduleDefinition]:
    """Return the schedules of a code location with these layers; all are off by default."""
    return [
        *([ingest_every_five_minutes, purge_old_runs_daily] if "raw" in layers else []),
        *([retention_daily] if "warehouse" in layers else []),
    ]
