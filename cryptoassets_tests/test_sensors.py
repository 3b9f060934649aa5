"""The sensors; the end-to-end test of `late_documents` is in `e2e`."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psutil
import psycopg
import pytest

from cryptoassets import sensors
from cryptoassets.backfills.request import GAPS_TAG
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.definitions import defs
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.facts import Fact, metadata_of
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets.partitions.policies import range_of, range_tags
from cryptoassets.project import project_root
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.in_use import in_use
from cryptoassets_tests.backfills.history_data import T0, HistoryData
from cryptoassets_tests.e2e.platforms import (
    HOUR_FORMAT,
    CommandResult,
    Platform,
    new_platform,
    this_hour,
)

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

LOADED = (
    "INSERT INTO warehouse.loads VALUES "
    "('warehouse/coin_price_history', %s, 'r', 24, 24, 0, 0, now())"
)
_INGEST = """
import sys
from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
with dagster_instance() as instance:
    defs.resolve_job_def("ingest").execute_in_process(
        instance=instance, partition_key=sys.argv[1], run_id=sys.argv[2], raise_on_error=False
    )
"""
_KILLED_BEFORE_ITS_START = """
import sys
import dagster._core.execution.execute_in_process as dagsters_own
from cryptoassets.embedded import dagster_instance
from cryptoassets.operations.progress import Silent
from cryptoassets.operations.runs import Runner

def wait_to_be_killed(**_):
    print("created", flush=True)
    sys.stdin.read()

# Dagster has created the run and is about to start it.
dagsters_own.ExecuteRunWithPlanIterable = wait_to_be_killed
with dagster_instance() as instance:
    Runner(Silent(), instance).execute("ingest", sys.argv[1])
"""


@pytest.mark.parametrize(("is_scheduled", "request_count"), [(True, 1), (False, 0)])
def test_the_sensor_requests_processing_only_after_scheduled_fetches(
    is_scheduled: bool,  # noqa: FBT001 - a test parameter
    request_count: int,
) -> None:
    """Airflow launches `process` itself; two runs for the same hour would wait for each other."""
    tags = {"dagster/partition": "2026-11-23-13:00"}
    tags |= {"cryptoassets/every_five_minutes": "yes"} if is_scheduled else {}

    @dg.op
    def fetch() -> None:
        """Stand in for a fetch."""

    @dg.job(name="ingest")
    def fetching() -> None:
        fetch()

    with dg.DagsterInstance.ephemeral() as instance:
        result = fetching.execute_in_process(instance=instance, tags=tags)
        context = dg.build_run_status_sensor_context(
            sensor_name="process_what_was_fetched",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_success_event(),
        )
        requested = sensors.process_what_was_fetched(context)

    requests = [requested] if isinstance(requested, dg.RunRequest) else []
    assert request_count == len(requests)
    assert ["2026-11-23-13:00"] * request_count == [request.partition_key for request in requests]


def test_only_a_run_whose_process_was_killed_is_marked_as_failed(
    stack: Stack, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise Dagster would show the run as started forever, and Airflow would wait for it."""
    folder = tmp_path_factory.mktemp("killed")
    run_id = "0e1f7c6e-0000-4000-8000-0000000000aa"
    with new_platform(stack, migrated_template, folder) as platform:
        platform.put_faults({"route": "/assets", "kind": "slow"})
        with (
            platform.applied_settings(),
            dagster_instance() as instance,
            subprocess.Popen(
                [sys.executable, "-c", _INGEST, this_hour(), run_id],
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": str(project_root())},
            ) as process,
        ):
            try:
                wait_until_fetching(instance, run_id)
                alive = fail_dead_runs(instance)
            finally:
                process.kill()
            process.wait()
            tick = sensors.dead_runs.evaluate_tick(dg.build_sensor_context(instance))
            run = instance.get_run_by_id(run_id)

    assert run_id not in alive
    assert run is not None
    assert dg.DagsterRunStatus.FAILURE == run.status
    assert run_id in (tick.skip_message or "")
    assert not psutil.pid_exists(process.pid)


def test_a_run_killed_before_its_start_is_marked_as_failed_by_the_next_command(
    stack: Stack, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise `retention` and `heal_gaps` would wait for the run forever."""
    folder = tmp_path_factory.mktemp("created")
    with (
        new_platform(stack, migrated_template, folder) as platform,
        platform.applied_settings(),
        dagster_instance() as instance,
        subprocess.Popen(
            [sys.executable, "-c", _KILLED_BEFORE_ITS_START, this_hour()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(project_root())},
        ) as process,
    ):
        assert process.stdout is not None
        assert b"created\n" == process.stdout.readline()
        created = dg.RunsFilter(job_name="ingest", statuses=[dg.DagsterRunStatus.NOT_STARTED])
        (run,) = instance.get_runs(created)
        while_it_lives = (platform.command("up"), instance.get_run_by_id(run.run_id))
        process.kill()
        process.wait()
        shown = platform.command("status", "--json")
        up = platform.command("up")
        ended = instance.get_run_by_id(run.run_id)
        waited_for = in_use(instance)
        later = platform.command("status", "--json")

    assert run.run_id not in while_it_lives[0].text
    assert while_it_lives[1] == run
    failure = failed_ingest(shown)
    assert (1, "killed", run.run_id) == (shown.code, failure["outcome"], failure["run_id"])
    # The time of the failure is still when the run was killed, not when it was marked as failed.
    assert failure == failed_ingest(later)
    assert f"Marked run {run.run_id} as failed" in up.text
    assert ended is not None
    assert dg.DagsterRunStatus.FAILURE == ended.status
    assert run.run_id not in waited_for


def failed_ingest(status: CommandResult) -> dict[str, Any]:
    """Return the failed last run of `ingest` from `status --json`."""
    runs: list[dict[str, Any]] = json.loads(status.text)["failed_runs"]
    (failure,) = [run for run in runs if run["job"] == "ingest"]
    return failure


def wait_until_fetching(instance: dg.DagsterInstance, run_id: str) -> None:
    """Wait until the run is started and tagged with its process."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = instance.get_run_by_id(run_id)
        if run and run.status == dg.DagsterRunStatus.STARTED and "cryptoassets/process" in run.tags:
            return
        time.sleep(0.1)
    pytest.fail("the run did not start")


def test_a_failed_run_is_logged_with_its_partition_and_error(
    stack: Stack,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A single log line contains everything that an alert needs, wherever the logs are sent."""
    folder = tmp_path_factory.mktemp("failed")
    with new_platform(stack, migrated_template, folder) as platform:
        platform.put_faults({"route": "/assets", "kind": "status", "status": 401})
        hour = this_hour()
        result = platform.execute("ingest", hour)
        logged = failure_line(platform, result, capsys)

    assert not result.success
    for words in ("run failed", "ingest", hour, "raw__coin_snapshots", "COINCAP_API_KEY"):
        assert words in logged


def failure_line(
    platform: Platform, result: dg.ExecuteInProcessResult, capsys: pytest.CaptureFixture[str]
) -> str:
    """Return the line that the sensor `failed_runs` prints for a run."""
    with platform.applied_settings(), dagster_instance() as instance:
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        capsys.readouterr()
        sensors.failed_runs(context)
    return capsys.readouterr().out


def test_the_sensor_requests_the_days_of_gaps_until_they_are_healed(
    database: str, postgres: PostgresResource, mongo: MongoResource
) -> None:
    """Gaps are healed automatically while the sensor is on."""
    history_data = HistoryData(database, mongo.lake())
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    hours = int((first - T0) / timedelta(hours=1))
    history_data.insert_points("bitcoin", [hours, *range(hours + 2, hours + 90)])
    (sensor,) = sensors.heal_gaps(["raw", "clean", "warehouse"])

    with dg.DagsterInstance.ephemeral() as instance:

        def tick() -> Any:
            # A new resource for each tick, because each tick closes its resource's connections.
            history = HistoryResource(mongo=MongoResource(), postgres=postgres)
            with dg.build_sensor_context(instance, resources={"history": history}) as context:
                return sensor.evaluate_tick(context)

        (request,) = tick().run_requests or []
        history_data.insert_points("bitcoin", [hours + 1])
        healed = tick()

    day = f"{first + timedelta(hours=1):%Y-%m-%d}"
    assert range_tags(day, day) | {GAPS_TAG: "yes"} == {
        name: text for name, text in request.tags.items() if name in (*range_tags("", ""), GAPS_TAG)
    }
    assert "no gap to heal" == healed.skip_message
    assert "healed" == history_data.read_gaps()[0][-1]


HEALED = {"dagster/sensor_name": "heal_gaps"}


@pytest.mark.parametrize(
    ("tags", "requested"),
    [
        (HEALED | range_tags("2026-01-05", "2026-01-07"), [("2026-01-05", "2026-01-07")]),
        # Launched by `backfill --gaps`, which computes the marts itself.
        (range_tags("2026-01-05", "2026-01-07"), []),
        # No prices arrived for these days.
        (HEALED | range_tags("2026-02-05", "2026-02-07"), []),
    ],
)
def test_the_marts_of_healed_days_are_requested(
    database: str,
    postgres: PostgresResource,
    tags: dict[str, str],
    requested: list[tuple[str, str]],
) -> None:
    """Otherwise the figures of these days stay wrong until a user recomputes them."""
    with psycopg.connect(database) as connection:
        for day in ("2026-01-05", "2026-01-06", "2026-01-07"):
            connection.execute(LOADED, [day])

    @dg.op
    def fetch() -> None:
        """Stand in for a fetch."""

    @dg.job(name="history")
    def healing() -> None:
        fetch()

    with dg.DagsterInstance.ephemeral() as instance:
        result = healing.execute_in_process(instance=instance, tags=tags)
        context = dg.build_run_status_sensor_context(
            sensor_name="marts_of_healed_days",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_success_event(),
        )
        results = list(sensors.marts_of_healed_days(context, postgres=postgres))

    requests = [one for one in results if isinstance(one, dg.RunRequest)]
    assert requested == [range_of(request.tags) for request in requests]


def test_an_hour_that_has_not_begun_waits_while_an_earlier_one_is_processed() -> None:
    """If the source's clock is fast, Dagster has no partition yet for the hour of its documents."""
    now = datetime.now(UTC)
    last, following = (
        (now + shift * timedelta(hours=1)).strftime(HOUR_FORMAT) for shift in (-1, 1)
    )
    with dg.DagsterInstance.ephemeral() as instance:
        for partition in (last, following, last):
            materialization = dg.AssetMaterialization(
                RAW_SNAPSHOTS, partition=partition, metadata=metadata_of({Fact.IS_LATE: True})
            )
            instance.report_runless_asset_event(materialization)

        def tick(cursor: str | None) -> Any:
            context = dg.build_sensor_context(instance, cursor=cursor, definitions=defs)
            return sensors.late_documents.evaluate_tick(context)

        first = tick(None)
        second = tick(first.cursor)

    assert [last] == [request.partition_key for request in first.run_requests or []]
    assert first.cursor == second.cursor
    assert not second.run_requests
