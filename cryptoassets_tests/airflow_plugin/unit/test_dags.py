"""The DAGs can be loaded on this version of Airflow, and have the documented properties."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.timetables.base import TimeRestriction
from pendulum import DateTime

FOLDER = Path(__file__).parents[3] / "airflow" / "dags"


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    """All DAGs by id; fails if one does not load."""
    return loaded()


def loaded(folder: Path = FOLDER) -> dict[str, Any]:
    """Load all DAGs of a folder, by id; fail if one does not load."""
    try:
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - Airflow 3
    except ImportError:
        from airflow.models.dagbag import DagBag  # noqa: PLC0415 - Airflow 2
    bag = DagBag(folder)
    assert {} == bag.import_errors
    return dict(bag.dags)


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        (
            "materialize_cryptoassets_snapshots",
            ["ingest_coincap", "process_with_spark", "refresh_marts"],
        ),
        ("process_cryptoassets_hourly", ["process_closed_hour", "refresh_marts"]),
        (
            "materialize_cryptoassets_daily",
            ["fetch_history", "process_history", "refresh_marts"],
        ),
        ("materialize_cryptoassets_rates", ["fetch_rates", "process_rates"]),
    ],
)
def test_each_dag_first_checks_whether_dagster_is_ready(
    dags: dict[str, Any], dag_id: str, tasks: list[str]
) -> None:
    """If Dagster is not ready, there is one clear error instead of one error per task."""
    assert ["check_dagster", *tasks] == [task.task_id for task in dags[dag_id].topological_sort()]


@pytest.mark.parametrize("name", ["catchup", "max_active_runs"])
def test_snapshots_have_no_catch_up_and_never_overlap(dags: dict[str, Any], name: str) -> None:
    """CoinCap returns only current prices, so past intervals cannot be fetched."""
    wanted = {"catchup": False, "max_active_runs": 1}

    assert wanted[name] == getattr(dags["materialize_cryptoassets_snapshots"], name)


def test_the_marts_can_delay_the_next_snapshot_only_briefly(dags: dict[str, Any]) -> None:
    """The next snapshot waits for the marts, and a missed snapshot cannot be fetched later."""
    tasks = {task.task_id: task for task in dags["materialize_cryptoassets_snapshots"].tasks}

    marts = tasks["refresh_marts"]
    assert {"process_with_spark"} == marts.upstream_task_ids
    assert tasks["ingest_coincap"].priority_weight == marts.priority_weight
    assert timedelta(minutes=5) > marts.run_timeout


INTERVAL_END = datetime(2026, 11, 27, 18, 7, tzinfo=UTC)
STARTED = datetime(2026, 11, 27, 23, 58, tzinfo=UTC)
RATES, SNAPSHOTS = "materialize_cryptoassets_rates", "materialize_cryptoassets_snapshots"


def rendered_partition(
    dags: dict[str, Any],
    task_id: str,
    results: dict[str, Any],
    started: datetime,
    interval: tuple[datetime, datetime] | None = None,
) -> str:
    """Return the partition of a task in a DAG run.

    Args:
        dags: all DAGs.
        task_id: `dag.task`.
        results: return values (XComs) by task.
        started: when the DAG run started.
        interval: start and end of the DAG run's data interval; by default one that ends at
            `INTERVAL_END`.
    """
    begins, ends = interval or (INTERVAL_END - timedelta(hours=6), INTERVAL_END)
    dag_id, name = task_id.split(".")
    task = dags[dag_id].get_task(name)

    def xcom_pull(task_ids: str) -> Any:
        return results.get(task_ids)

    context = {
        "dag_run": SimpleNamespace(start_date=started),
        "ti": SimpleNamespace(xcom_pull=xcom_pull),
        "data_interval_start": begins,
        "data_interval_end": ends,
    }
    return str(task.render_template(task.partition_key, context))


@pytest.mark.parametrize(
    ("task_id", "minutes", "keys"),
    [
        (
            "materialize_cryptoassets_daily.fetch_history",
            24 * 60,
            ["2026-11-25", "2026-11-26", "2026-11-27"],
        ),
        (
            "materialize_cryptoassets_daily.refresh_marts",
            24 * 60,
            ["2026-11-25", "2026-11-26", "2026-11-27"],
        ),
        (
            "process_cryptoassets_hourly.process_closed_hour",
            60,
            ["2026-11-25-00:00", "2026-11-25-01:00", "2026-11-25-02:00"],
        ),
    ],
)
def test_each_interval_that_catch_up_and_backfills_run_is_one_partition(
    dags: dict[str, Any], task_id: str, minutes: int, keys: list[str]
) -> None:
    """Airflow 2 and 3 must run the same days, although "@daily" has different meanings."""
    timetable = dags[task_id.split(".", maxsplit=1)[0]].timetable
    wanted = TimeRestriction(DateTime(2026, 11, 25, tzinfo=UTC), None, catchup=True)

    intervals: list[Any] = []
    for _ in keys:
        last = intervals[-1] if intervals else None
        run = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=wanted)
        intervals.append(run.data_interval)

    assert [timedelta(minutes=minutes)] * 3 == [one.end - one.start for one in intervals]
    assert keys == [rendered_partition(dags, task_id, {}, STARTED, one) for one in intervals]


def test_the_first_rates_run_is_scheduled_at_the_first_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the first start is soon after midnight, the last interval began on the day before."""
    monkeypatch.setenv("CRYPTOASSETS_FIRST_START", "2026-11-28T00:03:00")

    start = loaded()[RATES].start_date

    assert start <= datetime(2026, 11, 27, 12, 7, tzinfo=UTC)


@pytest.mark.parametrize("task_id", ["fetch_rates", "process_rates"])
def test_rates_are_those_of_the_hour_in_which_the_run_starts(
    dags: dict[str, Any], task_id: str
) -> None:
    """At the platform's first start, the interval may have ended hours ago."""
    partition = rendered_partition(dags, f"{RATES}.{task_id}", {}, STARTED)

    assert "2026-11-27-23:00" == partition


@pytest.mark.parametrize(
    ("task_id", "partition"),
    [
        (f"{RATES}.process_rates", "2026-11-28-00:00"),
        (f"{SNAPSHOTS}.process_with_spark", "2026-11-28-00:00"),
        (f"{SNAPSHOTS}.refresh_marts", "2026-11-28"),
    ],
)
def test_documents_that_were_fetched_after_midnight_are_processed_there(
    dags: dict[str, Any], task_id: str, partition: str
) -> None:
    """If the earlier hour were processed, all tasks would succeed without publishing a price."""
    late = {"partition": "2026-11-28-00:00", "facts": {"is_late": True}}
    fetched = {"materializations": [late]}
    results = {"ingest_coincap": fetched, "fetch_rates": fetched}

    assert partition == rendered_partition(dags, task_id, results, STARTED)


def test_snapshots_use_the_interval_if_the_fetch_reports_nothing(dags: dict[str, Any]) -> None:
    """A snapshot DAG run that is cleared later still belongs to its own hour."""
    hour = rendered_partition(dags, f"{SNAPSHOTS}.ingest_coincap", {}, STARTED)

    assert "2026-11-27-18:00" == hour
    assert hour == rendered_partition(dags, f"{SNAPSHOTS}.process_with_spark", {}, STARTED)
    assert hour[:10] == rendered_partition(dags, f"{SNAPSHOTS}.refresh_marts", {}, STARTED)


def test_every_task_is_retried_with_growing_pauses_and_every_dag_is_documented(
    dags: dict[str, Any],
) -> None:
    """Retries must outlast a restart of Dagster."""
    for dag in dags.values():
        assert dag.doc_md
        assert all(task.retries >= 3 and task.retry_exponential_backoff for task in dag.tasks)


def test_the_first_hour_is_taken_from_the_variable_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """In UTC, the time is 23:30 on the day before."""
    monkeypatch.setenv("CRYPTOASSETS_SINCE", "2026-11-23T05:00:00+05:30")

    starts = {dag_id: dag.start_date.isoformat() for dag_id, dag in loaded().items()}

    assert "2026-11-22T23:00:00+00:00" == starts["process_cryptoassets_hourly"]
    assert "2026-11-22T00:00:00+00:00" == starts["materialize_cryptoassets_daily"]
