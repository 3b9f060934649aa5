"""Jobs and schedules.

What goes here: which assets run together, and when. What stays out: the assets (in `assets`) and
the sensors, which request runs after events (in `sensors`). There are several jobs, because all
assets of a job must have the same partitions and be in the same code location.

Airflow is the scheduler. The schedules here are off by default; they are for users without Airflow.
"""

import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from cryptoassets.embedded.dead_runs import fail_dead_runs, process_tags
from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.schemas import FLOWS, SNAPSHOT_FLOW
from cryptoassets.schemas.flows.rates import RATES_FLOW
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.retention_job import retention, retention_daily

RAW_SNAPSHOTS = dg.AssetKey(["raw", SNAPSHOT_FLOW.raw.name])
SCHEDULE_TAG = "cryptoassets/every_five_minutes"
"""Tag on runs that the 5-minute schedule launched."""
_MAX_OUTPUT = 2_000
_HOUR_FORMAT = "%Y-%m-%d-%H:00"


ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(RAW_SNAPSHOTS),
    description="Fetch the current hour's snapshot from CoinCap into MongoDB; needs no Spark.",
)
process = dg.define_asset_job(
    SNAPSHOT_FLOW.job,
    selection=dg.AssetSelection.assets(*SNAPSHOT_FLOW.processed_assets),
    description="Clean an hour, or each hour of a range, with Spark and publish it to PostgreSQL. "
    "Each run replaces the whole hour and can be repeated.",
)
marts = dg.define_asset_job(
    "marts",
    selection=dg.AssetSelection.groups("marts"),
    description="Compute the daily figures for a day, or for each day of a range, from the "
    "warehouse.",
)


def _flow_jobs(layers: Collection[str]) -> list[Any]:
    """Return the jobs that both fetch and process a flow, limited to the assets of these layers."""
    jobs = []
    for flow in FLOWS:
        selected = [key for key in flow.asset_keys if key.partition("/")[0] in layers]
        if flow.fetch_job is None and selected:
            selection = dg.AssetSelection.assets(*selected)
            job = dg.define_asset_job(flow.job, selection, description=flow.job_description)
            jobs.append(job)
    return jobs


@dg.schedule(
    job=ingest,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Fetch a snapshot every 5 minutes; then the sensor `process_what_was_fetched` "
    "requests its processing.",
)
def ingest_every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request `ingest` every 5 minutes; `process_what_was_fetched` then requests `process`."""
    moment = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(
        run_key=moment.isoformat(),
        partition_key=moment.strftime(_HOUR_FORMAT),
        tags={SCHEDULE_TAG: "yes"},
    )


@dg.schedule(
    job_name=RATES_FLOW.job,
    cron_schedule="7 */6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Fetch and publish the exchange rates every 6 hours, and read the ECB's file.",
)
def rates_every_six_hours(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Request `rates` every 6 hours."""
    moment = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(run_key=moment.isoformat(), partition_key=moment.strftime(_HOUR_FORMAT))


@dg.op
def run_command(context: dg.OpExecutionContext) -> None:
    """Execute `cryptoassets run`, log its output, and fail if the command fails."""
    # Without these tags, the sensor `dead_runs` would mark a run of more than 5 minutes as failed.
    # Other runs get the tags from the resource of a store; this run uses no such resource.
    context.instance.add_run_tags(context.run_id, process_tags(context.run_id))
    command = [sys.executable, "-m", "cryptoassets.cli", "run"]
    end_of_output = ""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                context.log.info("%s", line.rstrip())
                end_of_output = (end_of_output + line)[-_MAX_OUTPUT:]
        except BaseException:
            # Otherwise the command would continue after a user has terminated the run in Dagster.
            process.terminate()
            raise
    if process.returncode:
        raise dg.Failure(
            description=f"`cryptoassets run` exited with {process.returncode}: {end_of_output}",
            allow_retries=False,
        )


@dg.job(
    description="Fetch and process now, like `cryptoassets run`. Needs no partition, and nothing "
    "else has to be launched. Each step appears as a run of another job."
)
def all_steps_now() -> None:
    """Fetch, clean, check and publish once."""
    run_command()


@dg.op
def fail_runs_without_process(context: dg.OpExecutionContext) -> None:
    """Mark runs whose process is gone as failed, and log their ids."""
    failed = fail_dead_runs(context.instance)
    context.log.info("Failed %d dead runs: %s", len(failed), ", ".join(failed) or "none")


@dg.job(
    description="Mark runs whose process is gone as failed, once and now; the sensor `dead_runs` "
    "does this regularly. Needs no partition."
)
def end_dead_runs() -> None:
    """Mark runs whose process is gone as failed."""
    fail_runs_without_process()


class PurgeConfig(dg.Config):
    """Options that can be set in Dagster's launchpad."""

    older_than_days: float | None = Field(
        None, description="Age in days; default: `DAGSTER_RUNS_RETENTION_DAYS`."
    )
    dry_run: bool = Field(False, description="Only report what would be deleted.")


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, config: PurgeConfig) -> None:
    """Delete finished runs of that age and their events, and log how many were deleted."""
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
    "each partition keeps the run that materialized it last. Needs no partition."
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
    """Request `purge_old_runs` at 03:17 UTC."""
    return dg.RunRequest()


def jobs_in(layers: Collection[str]) -> list[Any]:
    """Return the jobs of a code location with these layers."""
    return [
        # Dagster's UI sorts jobs by name and so lists this job first.
        *([all_steps_now] if {"raw", "marts"} <= {*layers} else []),
        *([ingest, end_dead_runs, purge_old_runs] if "raw" in layers else []),
        *([process, retention] if "warehouse" in layers else []),
        *([marts] if "marts" in layers else []),
        *_flow_jobs(layers),
    ]


def schedules_in(layers: Collection[str]) -> list[dg.ScheduleDefinition]:
    """Return the schedules of a code location with these layers; all are off by default."""
    return [
        *([ingest_every_five_minutes, purge_old_runs_daily] if "raw" in layers else []),
        *([retention_daily] if "warehouse" in layers else []),
        # In compose, each of two code locations has a part of `rates`; Airflow launches both parts.
        *([rates_every_six_hours] if {"raw", "warehouse"} <= {*layers} else []),
    ]
