"""The purge deletes every trace of Dagster runs that nothing depends on, and keeps the others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg import sql

from cryptoassets import jobs
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.old_runs import purge_runs

pytestmark = pytest.mark.postgres

_DAYS = dg.DailyPartitionsDefinition("2026-01-01")
_TAGS = {"test": "old_runs"}
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@dg.asset(partitions_def=_DAYS, check_specs=[dg.AssetCheckSpec("holds", asset="purged_toy")])
def purged_toy() -> Iterator[dg.MaterializeResult]:
    """Materialize one day, with a check."""
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


@pytest.fixture
def instance(stack: Stack) -> Iterator[dg.DagsterInstance]:
    """The shared instance; the test's runs are deleted afterwards."""
    with dagster_instance() as opened:
        yield opened
        for run in opened.get_runs(dg.RunsFilter(tags=_TAGS)):
            opened.delete_run(run.run_id)


def materialize(instance: dg.DagsterInstance, day: str) -> str:
    """Materialize the toy asset once; return the run's id."""
    run = dg.materialize([purged_toy], instance=instance, partition_key=day, tags=_TAGS)
    return run.run_id


def test_a_superseded_run_is_deleted_with_events_checks_and_logs(
    stack: Stack, instance: dg.DagsterInstance
) -> None:
    """When Dagster itself deletes a run, the run's check results and files stay behind."""
    older, newer = materialize(instance, "2026-01-01"), materialize(instance, "2026-01-01")

    purge = purge_runs(instance, TOMORROW, tags=_TAGS)

    assert ((older,), 1) == (purge.deleted, purge.kept)
    assert [newer] == [run.run_id for run in instance.get_runs(dg.RunsFilter(tags=_TAGS))]
    with psycopg.connect(stack.postgres_url("dagster")) as connection:
        for table in ("event_logs", "asset_check_executions", "run_tags"):
            count = sql.SQL("SELECT count(*) FROM {} WHERE run_id = %s")
            query = count.format(sql.Identifier(table))
            counts = [connection.execute(query, [run]).fetchone() for run in (older, newer)]
            assert (0,) == counts[0], table
            assert (0,) != counts[1], table
    assert [] == list(Path(instance.root_directory).rglob(f"{older}*"))


def test_the_run_that_last_materialized_a_partition_is_kept(instance: dg.DagsterInstance) -> None:
    """Without this run, Dagster would show the partition as missing although its rows exist."""
    run_ids = {materialize(instance, day) for day in ("2026-01-01", "2026-01-02")}

    purge = purge_runs(instance, TOMORROW, tags=_TAGS)

    assert ((), 2) == (purge.deleted, purge.kept)
    key = purged_toy.key
    partitions = instance.get_materialized_partitions(key)
    assert {"2026-01-01", "2026-01-02"} <= partitions
    assert run_ids == {run.run_id for run in instance.get_runs(dg.RunsFilter(tags=_TAGS))}


def test_a_dry_run_reports_the_same_runs_and_deletes_nothing(instance: dg.DagsterInstance) -> None:
    """The next purge deletes exactly the runs that the dry run lists."""
    older = materialize(instance, "2026-01-01")
    materialize(instance, "2026-01-01")

    dry_run = purge_runs(instance, TOMORROW, dry_run=True, tags=_TAGS)

    assert (older,) == dry_run.deleted
    assert 2 == len(instance.get_runs(dg.RunsFilter(tags=_TAGS)))
    assert dry_run == purge_runs(instance, TOMORROW, tags=_TAGS)


def test_recent_runs_and_unfinished_runs_are_kept(instance: dg.DagsterInstance) -> None:
    """An unfinished run may still write partitions."""
    older = materialize(instance, "2026-01-01")
    materialize(instance, "2026-01-01")
    unfinished = instance.create_run_for_job(jobs.end_dead_runs, tags=_TAGS)

    young = purge_runs(instance, datetime.now(UTC) - timedelta(hours=1), tags=_TAGS)
    all_finished = purge_runs(instance, TOMORROW, tags=_TAGS)

    assert () == young.deleted
    assert (older,) == all_finished.deleted
    assert instance.get_run_by_id(unfinished.run_id) is not None


def test_the_job_does_nothing_until_an_age_is_set(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the purge is off, so that a user finds every earlier run in Dagster."""
    older = materialize(instance, "2026-01-01")
    materialize(instance, "2026-01-01")

    jobs.purge_old_runs.execute_in_process(instance=instance)
    is_there = instance.get_run_by_id(older) is not None
    monkeypatch.setenv("DAGSTER_RUNS_RETENTION_DAYS", "0.0000001")
    jobs.purge_old_runs.execute_in_process(instance=instance)

    assert is_there
    assert instance.get_run_by_id(older) is None
