"""Killing, stopping and changing the platform: data is kept, killed containers are restarted.

What goes here: tests that kill or recreate containers. What stays out: the undisturbed platform (in
`test_platform`).
"""

import os
import re

import pytest

from cryptoassets_tests.compose.platform import SNAPSHOTS, Platform, wait_until

WAVES = (
    (
        "mongo-express",
        "pgadmin",
        "coincap-simulator",
        "spark-worker",
        "airflow-dag-processor",
        "metrics",
    ),
    (
        "postgres",
        "dagster-webserver",
        "dagster-daemon",
        "airflow-webserver",
        "airflow-scheduler",
        "dashboard",
    ),
)
KILLED_DURING_A_RUN = ("mongo", "spark-master", "producer", "airflow-triggerer")
"""Together with WAVES and `spark-consumer`, these are all services that keep running."""

pytestmark = [
    pytest.mark.skipif(
        "CRYPTOASSETS_COMPOSE" not in os.environ,
        reason="starts 15 containers: make test-compose (sets CRYPTOASSETS_COMPOSE)",
    ),
    pytest.mark.timeout(2400),
]


def kill(platform: Platform, service: str) -> None:
    """Kill all processes in a container. After `docker kill`, Docker would not restart it."""
    # This runs as the service's own user: root may not kill other users' processes here.
    # The result is ignored, because compose may lose the connection to the killed container.
    platform.ask_compose("exec", "-T", service, "sh", "-c", "kill -9 -1")


def kill_and_await(platform: Platform, services: tuple[str, ...]) -> None:
    """Kill containers, then wait until Docker has restarted each and all services are healthy."""
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
    """Return how often Docker has restarted a container."""
    count: int = platform.containers()[service]["RestartCount"]
    return count


def assert_audit_passes(platform: Platform) -> None:
    """Check that `cryptoassets audit` finds every raw document in exactly one place."""
    output = ""

    def audit() -> bool:
        nonlocal output
        completed = platform.ask_compose("exec", "-T", "spark-consumer", "cryptoassets", "audit")
        output = completed.stdout
        return completed.returncode == 0

    try:
        wait_until(audit, "an audit that finds nothing", seconds=240)
    except AssertionError as error:
        raise AssertionError(f"{error}: {output}") from error


def runs_of_processing(platform: Platform, status: str) -> dict[str, str]:
    """Map Dagster's to Airflow's run ids, for the snapshot DAG's `process` runs with a status."""
    query = f'{{runsOrError(filter:{{pipelineName:"process",statuses:[{status}]}}){{'
    response = platform.dagster(query + "... on Runs{results{runId tags{key value}}}}}")
    tags = {
        run["runId"]: {tag["key"]: tag["value"] for tag in run["tags"]}
        for run in response["runsOrError"]["results"]
    }
    return {
        run: tags_of_run["airflow/run_id"]
        for run, tags_of_run in tags.items()
        if tags_of_run.get("airflow/dag_id") == SNAPSHOTS
    }


def a_running_run(platform: Platform) -> tuple[str, str]:
    """Return a `process` run that uses the Spark cluster, and its DAG run; launch it if needed."""
    if not runs_of_processing(platform, "STARTED"):
        platform.take_a_snapshot()

    def running() -> dict[str, str]:
        has_application = platform.spark_state()["activeapps"]
        return runs_of_processing(platform, "STARTED") if has_application else {}

    return next(iter(wait_until(running, "a run on the cluster", seconds=400).items()))


@pytest.mark.long
@pytest.mark.parametrize("services", WAVES, ids=lambda wave: wave[0])
def test_killed_containers_are_restarted(platform: Platform, services: tuple[str, ...]) -> None:
    """A few containers are killed at a time, as when memory runs out."""
    kill_and_await(platform, services)


def test_a_run_survives_restarts_of_the_services_that_it_depends_on(
    platform: Platform,
) -> None:
    """If Spark's master lost its state, the driver would wait for executors forever."""
    _, dag_run = a_running_run(platform)

    kill_and_await(platform, KILLED_DURING_A_RUN)

    platform.await_snapshot(dag_run, seconds=600)


@pytest.mark.long
def test_a_killed_run_is_repeated(platform: Platform) -> None:
    """Dagster marks the run as failed, and Airflow's retry launches a second run."""
    killed, dag_run = a_running_run(platform)

    kill(platform, "spark-consumer")

    platform.await_snapshot(dag_run, seconds=900)
    assert killed in runs_of_processing(platform, "FAILURE")
    assert_audit_passes(platform)


@pytest.mark.long
def test_data_survives_down_and_up(platform: Platform) -> None:
    """`down` without `-v` deletes containers but no data; `up --build` afterwards is an upgrade."""
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


def test_a_backup_is_restored_into_empty_volumes(platform: Platform) -> None:
    """The backup is made while the platform is running."""
    rows = "SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices WHERE observed_at <= "
    [(newest,)] = platform.query("SELECT max(observed_at)::text FROM warehouse.coin_prices")
    rows += f"'{newest}' ORDER BY 1, 2"
    before, documents = platform.query(rows), platform.raw_documents()
    dag_runs = {run["dag_run_id"] for run in platform.airflow_runs()}

    platform.make("backup", "TO=backups/test")
    platform.compose("down", "-v")
    platform.make("restore", "FROM=backups/test")

    assert before == platform.query(rows)
    assert documents <= platform.raw_documents()
    assert dag_runs <= {run["dag_run_id"] for run in platform.airflow_runs()}
    # The backup may lack the marts of a run that was in progress.
    platform.compose("exec", "-T", "spark-consumer", "cryptoassets", "run")
    assert_audit_passes(platform)


def test_no_container_ran_out_of_memory_in_these_tests(platform: Platform) -> None:
    """The documented memory limits were measured, so they must be sufficient."""
    killed = [n for n, one in platform.containers().items() if one["State"]["OOMKilled"]]

    assert [] == killed


@pytest.mark.long
def test_a_changed_transform_is_used_after_build_and_up(platform: Platform) -> None:
    """The two documented commands apply a new rule: it refuses prices above 10,000 USD.

    After that, the command that rebuilds all services must not recreate the databases.
    """
    rules = platform.root / "cryptoassets/transforms/rules.py"
    original = rules.read_text()
    mild = "pc.less_equal(price, _decimal(0))"
    strict = f"pc.or_({mild}, pc.greater(price, _decimal(10_000)))"
    rules.write_text(original.replace(mild, strict))
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
        # Like `up -d --build`, but it does not wait until the services are healthy.
        platform.compose("create", "--build")
        after = platform.containers()
    finally:
        rules.write_text(original)
        platform.compose("build")
    recreated = {name for name, one in after.items() if one["Id"] != before[name]["Id"]}
    assert "dagster-webserver" in recreated
    assert set() == recreated & {"mongo", "pgadmin", "postgres", "preflight"}


def test_nothing_starts_with_default_passwords_and_an_open_port(
    platform: Platform,
) -> None:
    """The test starts the whole platform; `test_rights` tests the preflight alone."""
    opened = Platform(platform.root, project=f"{platform.project}-opened")
    opened.environment["BIND_ADDRESS"] = "0.0.0.0"  # noqa: S104

    try:
        completed = opened.ask_compose("up", "-d")

        assert completed.returncode != 0
        assert "Refused to start: BIND_ADDRESS" in opened.compose("logs", "preflight")
        assert "" == opened.compose("ps", "-q", "--status", "running")
    finally:
        opened.compose("down", "-v")
