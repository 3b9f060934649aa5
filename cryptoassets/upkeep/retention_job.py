"""Retention in Dagster: a job without partitions, and a schedule that is off by default.

What goes here: a job that does the same as the command `retention`, for users without a shell. What
stays out: which data is deleted, and how (in `retention`).
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from cryptoassets.resources.failures import dagster_failures
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.retention import RetentionTargets, bounds, retain


class RetentionConfig(dg.Config):
    """Options that can be set in the launchpad."""

    dry_run: bool = Field(False, description="Only report what would be deleted.")


@dg.op
def delete_what_is_old(
    context: dg.OpExecutionContext,
    config: RetentionConfig,
    mongo: MongoResource,
    postgres: PostgresResource,
) -> None:
    """Delete data older than the settings allow, and log what was deleted and what was kept."""
    with dagster_failures():
        result = retain(
            RetentionTargets(mongo, postgres, context.instance),
            *bounds(load_settings(), datetime.now(UTC)),
            is_dry_run=config.dry_run,
            report=context.log.info,
        )
    if result.before is None:
        context.log.info("CRYPTOASSETS_RETENTION_DAYS is not set: all data is kept")
    for one in result.candidates:
        if one.held:
            name = f"{one.partition.asset} {one.partition.key}"
            context.log.warning("%s was kept: %s", name, one.held)
    context.log.info(
        "%s %d partitions, %d dead letters and records of fetches and publications, "
        "%d Dagster runs",
        "Would delete" if config.dry_run else "Deleted",
        sum(one.held is None for one in result.candidates),
        result.records,
        result.runs or 0,
    )


@dg.job(
    description="Delete partitions older than CRYPTOASSETS_RETENTION_DAYS from all stores, and "
    "Dagster runs older than DAGSTER_RUNS_RETENTION_DAYS. The job has no partitions."
)
def retention() -> None:
    """Limit the size of the stores."""
    delete_what_is_old()


@dg.schedule(
    job=retention,
    cron_schedule="41 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Run `retention` every day at 03:41 UTC.",
)
def retention_daily() -> dg.RunRequest:
    """Run the job at 03:41 UTC; off by default."""
    return dg.RunRequest()
