"""Sensors: request runs after events, not at fixed times.

What goes here: what each sensor checks and which runs it requests. What stays out: the jobs (in
`jobs`), and querying the stores (in `upkeep`).
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import structlog

from cryptoassets.backfills.backfill import chunks, days_to_heal, group_consecutive
from cryptoassets.backfills.request import GAPS_TAG
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.facts import Fact, facts_of
from cryptoassets.jobs import SCHEDULE_TAG, marts, process
from cryptoassets.monitoring.watch import Watch
from cryptoassets.partitions.policies import range_of, range_tags
from cryptoassets.partitions.spans import Span, partition_name, partition_window, partitions_in
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS, SNAPSHOT_FLOW, Flow, asset_of
from cryptoassets.upkeep.days import days_to_compute, rows_by_day, stretches_of_marts
from cryptoassets.upkeep.earlier_data import earlier_documents, split_at_first
from cryptoassets.upkeep.in_use import UNFINISHED_STATUSES

_HEAL_GAPS = "heal_gaps"
ALERT_WATCH = Watch()
"""Evaluates alerts for this process, a code server; all ticks share its single thread."""


def heal_gaps(layers: Collection[str]) -> list[dg.SensorDefinition]:
    """Return the sensor `heal_gaps` of a code location with these layers; it is off by default."""
    fetches, processes = "raw" in layers, "warehouse" in layers
    if not (fetches or processes):
        return []

    @dg.sensor(
        name=_HEAL_GAPS,
        job_name="history",
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Find gaps in the history, list them in warehouse.gaps, and request runs that "
        "fetch them.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, history: HistoryResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        unfinished = dg.RunsFilter(job_name="history", statuses=UNFINISHED_STATUSES)
        if context.instance.get_runs(unfinished, limit=1):
            yield dg.SkipReason("a run of the job history has not ended")
            return
        days = days_to_heal(history, fetches=fetches, processes=processes)
        for week in chunks(days)[:1]:
            for consecutive in group_consecutive(week):
                first, last = partition_name(consecutive[0]), partition_name(consecutive[-1])
                yield dg.RunRequest(tags={**range_tags(first, last), GAPS_TAG: "yes"})
        if not days:
            yield dg.SkipReason("no gap to heal")

    return [sensor]


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    # In compose, `ingest` and this sensor are in different code locations.
    monitor_all_code_locations=True,
    request_job=process,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Process the hour that the 5-minute schedule has fetched. Airflow and people who "
    "run `ingest` by hand launch `process` themselves.",
)
def process_what_was_fetched(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Request `process` for the hour of a scheduled `ingest`."""
    run = context.dagster_run
    if SCHEDULE_TAG not in run.tags:
        return dg.SkipReason("not launched by the 5-minute schedule")
    return dg.RunRequest(run_key=run.run_id, partition_key=run.tags["dagster/partition"])


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    request_job=marts,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Recompute the marts of days whose gaps `heal_gaps` has filled, and of later days "
    "whose figures depend on these days.",
)
def marts_of_healed_days(
    context: dg.RunStatusSensorContext, postgres: PostgresResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request the marts of days whose gaps `heal_gaps` filled, and of days that depend on them.

    `backfill --gaps` and Airflow compute the marts themselves.
    """
    run = context.dagster_run
    bounds = range_of(run.tags)
    if run.tags.get("dagster/sensor_name") != _HEAL_GAPS or bounds is None:
        yield dg.SkipReason("not launched by heal_gaps")
        return
    window = Span(partition_window(bounds[0])[0], partition_window(bounds[1])[1])
    days = [start.date() for start, _ in partitions_in(window, timedelta(days=1))]
    with_prices = [day for day, rows in rows_by_day(postgres, days).items() if rows]
    for stretch in stretches_of_marts(postgres, days_to_compute(postgres, with_prices).to_compute):
        bounds = stretch[0].key, stretch[-1].key
        yield dg.RunRequest(run_key=f"{run.run_id} {bounds[0]}", tags=range_tags(*bounds))


def late_documents_of(flow: Flow, name: str) -> dg.SensorDefinition:
    """Return the sensor for partitions that received documents from another partition's run."""
    raw = dg.AssetKey.from_user_string(asset_of(flow.raw))
    processed = [dg.AssetKey.from_user_string(key) for key in flow.processed_assets]

    @dg.sensor(
        name=name,
        job_name=flow.job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Process hours that received documents from the run of another hour.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        after = int(context.cursor) if context.cursor else 0
        records = context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=raw, after_storage_id=after),
            limit=500,
            ascending=True,
        ).records
        late: dict[str, int] = {}
        now = datetime.now(UTC)
        for record in records:
            after = record.storage_id
            stored = record.asset_materialization
            if stored is None or not stored.partition:
                continue
            if Fact.IS_LATE not in facts_of(stored.metadata):
                continue
            if partition_window(stored.partition)[0] > now:
                # The source's clock is ahead: this hour has not begun, and until it begins, Dagster
                # has no partition for it. This tick stops here, and the next one reads this record
                # and later ones again.
                after -= 1
                break
            late[stored.partition] = record.storage_id
        earlier, processable = split_at_first(list(late))
        for partition in processable:
            storage_id = late[partition]
            key = f"{partition} {storage_id}"
            yield dg.RunRequest(run_key=key, partition_key=partition, asset_selection=processed)
        context.update_cursor(str(after))
        if earlier:
            context.log.warning(earlier_documents(earlier))
        if not processable:
            why = earlier_documents(earlier) if earlier else "no late documents"
            yield dg.SkipReason(why)

    return sensor


late_documents = late_documents_of(SNAPSHOT_FLOW, "late_documents")


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Log each failed run with its partition and the error of each failed step.",
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Log each failed run with its partition and the error of each failed step."""
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


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Mark runs whose process is gone as failed, so that nothing waits for them.",
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Mark runs whose process is gone as failed, so that nothing waits for them forever."""
    failed = fail_dead_runs(context.instance)
    result = f"marked as failed: {', '.join(failed)}" if failed else "no dead run was found"
    return dg.SkipReason(f"{result} ({datetime.now(UTC):%H:%M:%S} UTC)")


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Evaluate the conditions for alerts, and notify CRYPTOASSETS_ALERT_URLS of alerts "
    "that have started or cleared. Each tick shows the result of the previous evaluation.",
)
def alerts() -> dg.SkipReason:
    """Evaluate alerts in the background, so that a slow receiver delays no other sensor."""
    return dg.SkipReason(ALERT_WATCH.evaluate_soon())


def sensors_in(layers: Collection[str]) -> list[dg.SensorDefinition]:
    """Return the sensors of a code location with these layers."""
    of_flows = [late_documents_of(one, f"late_{one.raw.name}") for one in FLOWS if one.every]
    of_processing = [process_what_was_fetched, late_documents, *of_flows, failed_runs, alerts]
    return [
        dead_runs,
        *(of_processing if "warehouse" in layers else []),
        *([marts_of_healed_days] if "marts" in layers else []),
        *heal_gaps(layers),
    ]
