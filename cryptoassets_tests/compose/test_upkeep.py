"""The platform broken, stopped and changed: what was there stays, what was lost comes back.

What goes here: promises that cost a container its life. What stays out: the platform at rest (in
`test_platform`).
"""

import os
import re

import pytest

from cryptoassets_tests.compose.platform import SNAPSHOTS, Platform, wait_until

WAVES = (
    ("mongo-express", "pgadmin", "coincap-simulator", "spark-worker", "airflow-dag-processor"),
    ("postgres", "dagster-webserver", "dagster-daemon", "airflow-webserver", "airflow-scheduler"),
)
KILLED_AT_WORK = ("mongo", "spark-master", "producer", "airflow-triggerer")
"""With `spark-consumer`, whose run dies with it, every container once."""

pytestmark = [
    pytest.mark.skipif(
        "CRYPTOASSETS_COMPOSE" not in os.environ,
        reason="brings up 15 containers: make test-compose (sets CRYPTOASSETS_COMPOSE)",
    ),
    pytest.mark.timeout(2400),
]


def kill(platform: Platform, service: str) -> None:
    """Kill all processes of a container; `docker kill` would count as a wish to stop."""
    # As the user it runs as: root gets no rights over others in a container without new privileges.
    # Whether compose hears of the end before the container is gone says nothing.
    platform.ask_compose("exec", "-T", service, "sh", "-c", "kill -9 -1")


def kill_and_await(platform: Platform, services: tuple[str, ...]) -> None:
    """Kill containers, then wait until Docker has started each again and all is well."""
    before = {service: restarts(platform, service) for service in services}
    for service in services:
        kill(platform, service)
    for service in services:
        wait_until(
            lambda name=service: restarts(platform, name) > before[name],
            f"{service} started again",
            seconds=120,
        )
    wait_until(lambda: not platform.unwell(), "every service healthy", seconds=300)


def restarts(platform: Platform, service: str) -> int:
    """How often Docker has started a container again."""
    count: int = platform.containers()[service]["RestartCount"]
    return count


def everything_adds_up(platform: Platform) -> None:
    """`cryptoassets audit` finds every raw document in exactly one place."""
    said = ""

    def audit() -> bool:
        nonlocal said
        ended = platform.ask_compose("exec", "-T", "spark-consumer", "cryptoassets", "audit")
        said = ended.stdout
        return ended.returncode == 0

    try:
        wait_until(audit, "an audit that finds nothing", seconds=240)
    except AssertionError as error:
        raise AssertionError(f"{error}: {said}") from error


def runs_of_processing(platform: Platform, status: str) -> dict[str, str]:
    """The runs of `process` in a status: Dagster's id to that of the DAG run that launched it."""
    asked = f'{{runsOrError(filter:{{pipelineName:"process",statuses:[{status}]}}){{'
    answer = platform.dagster(asked + "... on Runs{results{runId tags{key value}}}}}")
    tags = {
        run["runId"]: {tag["key"]: tag["value"] for tag in run["tags"]}
        for run in answer["runsOrError"]["results"]
    }
    return {
        run: known["airflow/run_id"]
        for run, known in tags.items()
        if known.get("airflow/dag_id") == SNAPSHOTS
    }


def a_run_at_work(platform: Platform) -> tuple[str, str]:
    """A run of `process` at work on the cluster, and its DAG run; launched if there is none."""
    if not runs_of_processing(platform, "STARTED"):
        platform.take_a_snapshot()

    def at_work() -> dict[str, str]:
        has_application = platform.spark_state()["activeapps"]
        return runs_of_processing(platform, "STARTED") if has_application else {}

    return next(iter(wait_until(at_work, "a run at work", seconds=400).items()))


@pytest.mark.parametrize(
    "services", [pytest.param(WAVES[0], marks=pytest.mark.long), WAVES[1]], ids=lambda wave: wave[0]
)
def test_killed_containers_come_back(platform: Platform, services: tuple[str, ...]) -> None:
    """A few at a time, as a machine short of memory would have it."""
    kill_and_await(platform, services)


def test_a_run_outlives_sparks_master_and_those_who_wait_for_it(platform: Platform) -> None:
    """A master without memory would leave the driver waiting for executors for ever."""
    _, dag_run = a_run_at_work(platform)

    kill_and_await(platform, KILLED_AT_WORK)

    platform.await_snapshot(dag_run, seconds=600)


def test_a_run_killed_at_work_is_made_up_for(platform: Platform) -> None:
    """Its container dies with it; Dagster notices, Airflow's retry launches a second run."""
    killed, dag_run = a_run_at_work(platform)

    kill(platform, "spark-consumer")

    platform.await_snapshot(dag_run, seconds=900)
    assert killed in runs_of_processing(platform, "FAILURE")
    everything_adds_up(platform)


def test_data_is_kept_over_down_and_up(platform: Platform) -> None:
    """`down` without `-v` takes containers, never data; `--build` on top is an upgrade."""
    rows = "SELECT count(*) FROM warehouse.coin_prices WHERE observed_at <= '{}'"
    [(newest,)] = platform.query("SELECT max(observed_at)::text FROM warehouse.coin_prices")
    before = platform.query(rows.format(newest))
    dag_runs = {run["dag_run_id"] for run in platform.airflow_runs()}

    platform.compose("down")
    platform.compose("up", "-d", "--build")

    assert before == wait_until(
        lambda: platform.query(rows.format(newest)), "PostgreSQL", seconds=120
    )
    assert re.search("bitcoin@", platform.mongo_express_page())
    assert dag_runs <= {run["dag_run_id"] for run in platform.airflow_runs()}


def test_a_changed_transform_is_in_force_after_build_and_up(platform: Platform) -> None:
    """The two commands of the docs, with a rule that refuses prices above 10,000 USD.

    Then the command for everything, with the same change: it must not renew the databases.
    """
    rules = platform.root / "cryptoassets/transforms/rules.py"
    as_it_was = rules.read_text()
    mild = "pc.less_equal(price, _decimal(0))"
    strict = f"pc.or_({mild}, pc.greater(price, _decimal(10_000)))"
    rules.write_text(as_it_was.replace(mild, strict))
    refused = (
        "SELECT count(*)::int FROM warehouse.quarantine "
        "WHERE 'price_usd_not_positive' = ANY (reasons)"
    )
    assert [(0,)] == platform.query(refused)

    try:
        platform.compose("build", "spark-consumer")
        platform.compose("up", "-d", "spark-consumer")
        platform.await_snapshot(platform.take_a_snapshot(), seconds=600)
        assert platform.query(refused)[0][0] > 0

        before = platform.containers()
        platform.compose("up", "-d", "--build")
        after = platform.containers()
    finally:
        rules.write_text(as_it_was)
        platform.compose("build")
    renewed = {name for name, one in after.items() if one["Id"] != before[name]["Id"]}
    assert "dagster-webserver" in renewed
    assert set() == renewed & {"mongo", "pgadmin", "postgres", "preflight"}


def test_nothing_was_out_of_memory_all_the_while(platform: Platform) -> None:
    """The limits stand in the docs as measured ones."""
    killed = [n for n, one in platform.containers().items() if one["State"]["OOMKilled"]]

    assert [] == killed


def test_nothing_starts_while_default_passwords_stand_and_a_port_is_open(
    platform: Platform,
) -> None:
    """Of the whole platform, as compose would start it; judged alone in `test_compose_file`."""
    opened = Platform(platform.root, project=f"{platform.project}-opened")
    opened.environment["BIND_ADDRESS"] = "0.0.0.0"  # noqa: S104

    try:
        ended = opened.ask_compose("up", "-d")

        assert ended.returncode != 0
        assert "Refused to start: BIND_ADDRESS" in opened.compose("logs", "preflight")
        assert "" == opened.compose("ps", "-q", "--status", "running")
    finally:
        opened.compose("down", "-v")
