"""The sensors; `dead_runs` is tested in `test_killed_runs`, and `late_documents` also in `e2e`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
import pytest

from cryptoassets import sensors
from cryptoassets.backfills.request import GAPS_TAG
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.definitions import defs
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.facts import Fact, metadata_of
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets.partitions.policies import range_of, range_tags
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.backfills.history_data import T0, HistoryData
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, Platform, new_platform, this_hour

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

LOADED = (
    "INSERT INTO warehouse.loads VALUES "
    "('warehouse/coin_price_history', %s, 'r', 24, 24, 0, 0, now())"
)


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
