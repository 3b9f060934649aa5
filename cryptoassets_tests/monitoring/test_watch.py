"""The watch reports failures that Dagster records, sends no message twice and delays no run."""

import time
from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest

from cryptoassets import sensors
from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.monitoring import channels
from cryptoassets.monitoring.evaluation import evaluate
from cryptoassets.monitoring.watch import Watch
from cryptoassets.partitions.policies import range_tags
from cryptoassets.resources.locks import hold_exclusive
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.monitoring.receiver import SECRET, Receiver, listening

pytestmark = pytest.mark.postgres

HOUR = "2026-11-23-10:00"
RUN = f"run failed: process {HOUR}"
CHECK = "check not passed: warehouse/coin_prices reconciliation"
CHECKED = dg.AssetKey(["warehouse", "coin_prices"])


@pytest.fixture
def instance(postgres: PostgresResource) -> Iterator[dg.DagsterInstance]:
    """The real Dagster instance, without the runs of other tests."""
    with dagster_instance() as opened:
        for run in opened.get_runs():
            opened.delete_run(run.run_id)
        yield opened


def end_run(
    instance: dg.DagsterInstance, *, is_success: bool, first: str = HOUR, last: str | None = None
) -> str:
    """Record a run of `process` that has ended; return its id."""
    job = defs.resolve_job_def("process")
    tags = range_tags(first, last) if last else {"dagster/partition": first}
    run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    if is_success:
        instance.report_dagster_event(
            dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.PIPELINE_SUCCESS.value, job_name="process"
            ),
            run.run_id,
        )
    else:
        instance.report_run_failed(run, "warehouse/coin_prices: PostgreSQL is full")
    return run.run_id


def report_check(instance: dg.DagsterInstance, *, passed: bool) -> None:
    """Record an evaluation of a check."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=CHECKED,
            check_name="reconciliation",
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description="2 rows are missing",
            metadata={},
        )
    )


def test_the_sensor_reports_failed_runs_and_checks_and_when_they_are_resolved(
    instance: dg.DagsterInstance, receiver: Receiver, database: str
) -> None:
    """The test waits for the thread that sends the messages; a tick does not."""
    run_id = end_run(instance, is_success=False)
    report_check(instance, passed=False)

    first = tick(instance)
    started = {body["title"]: body["message"] for body in receiver.bodies}
    receiver.titles()
    end_run(instance, is_success=True)
    report_check(instance, passed=True)
    tick(instance)

    assert {f"cryptoassets: {title}" for title in (RUN, CHECK)} <= set(started)
    message = started[f"cryptoassets: {RUN}"]
    assert "PostgreSQL is full" in message
    assert f"http://localhost:3000/runs/{run_id}" in message
    assert SECRET not in str(first)
    assert {f"resolved: {title}" for title in (RUN, CHECK)} == set(receiver.titles())
    with psycopg.connect(database) as connection:
        runs = connection.execute("SELECT job, outcome FROM warehouse.last_runs").fetchall()
    assert ("process", "succeeded") in runs


def tick(instance: dg.DagsterInstance) -> str:
    """Let the sensor evaluate, and wait for its thread; return the result in words."""
    sensors.alerts.evaluate_tick(dg.build_sensor_context(instance))
    return sensors.ALERT_WATCH.wait(60)


def test_the_success_of_another_hour_does_not_hide_a_failure(
    instance: dg.DagsterInstance, postgres: PostgresResource, receiver: Receiver
) -> None:
    """Between two evaluations one hour can fail and the next one succeed."""
    end_run(instance, is_success=False)
    end_run(instance, is_success=True, first="2026-11-23-11:00")

    evaluate(instance, postgres)
    started = receiver.titles()
    end_run(instance, is_success=True, first="2026-11-23-08:00", last="2026-11-23-10:00")
    evaluate(instance, postgres)

    # Other alerts may start, too, e.g. if the disk of this machine is almost full.
    assert RUN in started
    assert [f"resolved: {RUN}"] == receiver.titles()


def test_two_processes_send_each_message_once(
    instance: dg.DagsterInstance, postgres: PostgresResource, receiver: Receiver
) -> None:
    """Dagster's daemon and `run --every` may evaluate at the same moment."""
    end_run(instance, is_success=False)

    with postgres.connect() as other:
        assert hold_exclusive(other, "alerts")
        while_locked = evaluate(instance, postgres)
    watches = [Watch(), Watch()]
    for watch in watches:
        watch.evaluate_soon()
    for watch in watches:
        watch.wait(60)
    evaluate(instance, postgres)

    assert while_locked.is_skipped
    assert 1 == receiver.titles().count(RUN)


def test_a_receiver_that_hangs_delays_no_run_or_sensor(
    instance: dg.DagsterInstance, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run or sensor may wait for a chat service, and other addresses still get messages."""
    end_run(instance, is_success=False)
    monkeypatch.setattr(channels, "_SEND_SECONDS", 2.0)
    with listening() as stuck:
        stuck.hangs = True
        monkeypatch.setenv("CRYPTOASSETS_ALERT_URLS", f"{stuck.url} {receiver.url}")
        watch = Watch()
        started = time.monotonic()

        watch.evaluate_soon()
        seconds = time.monotonic() - started
        found = watch.wait(60)
        started = time.monotonic()
        ticked = sensors.alerts.evaluate_tick(dg.build_sensor_context(instance))
        seconds_of_tick = time.monotonic() - started

        assert ticked.skip_message
        assert max(seconds, seconds_of_tick) < 1
        assert "address 1 (json://***): no response within 2 s" in found
        assert SECRET not in found
        assert 1 == receiver.titles().count(RUN)
        assert "it still has not answered an earlier message" in sensors.ALERT_WATCH.wait(60)


def test_an_unreachable_postgresql_and_its_return_are_each_reported_once(
    instance: dg.DagsterInstance,
    database: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The state of alerts is in PostgreSQL, so this condition must be kept in memory."""
    watch = Watch()

    monkeypatch.setenv("POSTGRES_URL", "postgresql://me:s3cret@127.0.0.1:1/none")
    for _ in range(2):
        watch.evaluate_soon()
        watch.wait(60)
    down = receiver.titles()
    monkeypatch.setenv("POSTGRES_URL", database)
    watch.evaluate_soon()
    watch.wait(60)

    assert ["PostgreSQL does not answer"] == down
    assert 1 == receiver.titles().count("resolved: PostgreSQL does not answer")
