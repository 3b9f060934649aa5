"""A job that is executed in this process: its reports, outcome and failures."""

from collections.abc import Iterator

import dagster as dg
import pytest

from cryptoassets_tests.operations.toys import ASSET, DAYS, JOB, toy_definitions, toy_runner


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_materialization_is_reported_and_counted(instance: dg.DagsterInstance) -> None:
    """Each asset is reported when it is done, not at the end of the run."""
    runner, reports = toy_runner(instance, toy_definitions())

    assert runner.execute(JOB, DAYS[0])

    assert [f"{JOB} {DAYS[0]}"] == reports.of("doing")
    assert f"{ASSET}  {DAYS[0]}  3 rows written" in reports.of("done")
    assert 3 == runner.outcome.facts[ASSET, DAYS[0]]["rows_written"]
    assert (1, []) == (runner.outcome.checks_passed, runner.outcome.failures)


def test_a_failed_step_is_reported_in_one_sentence_and_its_error_is_recorded(
    instance: dg.DagsterInstance,
) -> None:
    """`run --every` stops after some errors and continues after others."""
    runner, reports = toy_runner(instance, toy_definitions(failing=[DAYS[0]]))

    assert not runner.execute(JOB, DAYS[0])

    [sentence] = runner.outcome.failures
    assert f"{DAYS[0]} is broken" in sentence
    assert sentence.startswith(f"{ASSET}: ")
    assert [sentence] == reports.of("fail")
    assert {"StoreUnavailableError"} == runner.outcome.errors


def test_a_check_of_severity_warn_is_not_a_failure(instance: dg.DagsterInstance) -> None:
    """A warning does not prevent publication."""
    runner, reports = toy_runner(instance, toy_definitions(suspicious=[DAYS[0]]))

    assert runner.execute(JOB, DAYS[0])

    assert [f"{ASSET} behaviour: {DAYS[0]}"] == runner.outcome.warnings == reports.of("warn")
    assert [] == runner.outcome.failures


def test_a_future_partition_is_refused_without_a_run(
    instance: dg.DagsterInstance,
) -> None:
    """Dagster alone would raise an error with a traceback."""
    runner, reports = toy_runner(instance, toy_definitions())

    assert not runner.execute(JOB, "2999-01-01")

    assert ["toy: 2999-01-01 is in the future"] == reports.of("fail")
    assert 0 == instance.get_runs_count()


def test_a_replay_reports_nothing_by_itself(instance: dg.DagsterInstance) -> None:
    """`rebuild` itself prints one line per run instead of one per asset and partition."""
    runner, reports = toy_runner(instance, toy_definitions(), is_reprocessing=True)

    assert runner.execute(JOB, DAYS[0])

    assert [] == reports.texts
    assert (ASSET, DAYS[0]) in runner.outcome.facts
