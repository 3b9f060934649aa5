"""The running platform, queried as a user would; `make test-compose`.

What goes here: tests of the running platform, in the order in which a user would look. What stays
out: checks of the file alone (in `test_compose_file`), killing, stopping and changing it (in
`test_upkeep`). If no image can be pulled, CRYPTOASSETS_STANDINS names a script that builds
stand-ins; they test the wiring, not the real images.
"""

import json
import os
import subprocess
import sys
import urllib.error

import pytest

from cryptoassets.project import project_root
from cryptoassets_tests.compose.platform import PORTS, Platform, wait_until

pytestmark = [
    pytest.mark.skipif(
        "CRYPTOASSETS_COMPOSE" not in os.environ,
        reason="starts 15 containers: make test-compose (sets CRYPTOASSETS_COMPOSE)",
    ),
    pytest.mark.timeout(2400),
]


def test_airflow_publishes_rows_without_any_user_action(platform: Platform) -> None:
    """`docker compose up` alone must be enough; the rows are queried as the analyst."""

    def published() -> list[tuple[str, int]]:
        return platform.query(
            "SELECT source, count(DISTINCT coin_id)::int FROM warehouse.coin_prices GROUP BY source"
        )

    assert [("simulator", 100)] == wait_until(published, "the first rows", seconds=700)
    wait_until(
        lambda: (
            {"scheduled", "success"}
            <= {run[key] for run in platform.airflow_runs() for key in ("run_type", "state")}
        ),
        "a scheduled DAG run that succeeded",
        seconds=240,
    )
    # Its last task refreshes the marts of the day; the hourly DAG runs up to 70 minutes later.
    [(coins,)] = platform.query("SELECT count(*)::int FROM marts.coin_daily")
    assert coins >= 100


def test_nothing_before_the_first_start_is_scheduled(platform: Platform) -> None:
    """Without raw documents such runs could only fail."""
    for dag in ("process_cryptoassets_hourly", "materialize_cryptoassets_daily"):
        assert [] == [run for run in platform.airflow_runs(dag) if run["state"] == "failed"]


def test_every_service_is_healthy_within_its_memory_limit(platform: Platform) -> None:
    """Services with a failing health check would block their dependents."""
    wait_until(lambda: not platform.unwell(), "every service healthy", seconds=180)

    containers = platform.containers()
    assert [] == [name for name, one in containers.items() if one["State"]["OOMKilled"]]
    assert {0} == {one["RestartCount"] for one in containers.values()}


def test_mongo_express_shows_a_raw_document(platform: Platform) -> None:
    """It reads with a read-only user; MongoDB's stand-in ignores roles."""
    assert "bitcoin@" in platform.mongo_express_page()


def test_mongo_express_asks_for_the_password(platform: Platform) -> None:
    """It shows the whole data lake."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        platform.mongo_express_page("wrong")


def test_pgadmin_connects_without_a_typed_password(platform: Platform) -> None:
    """Users should not have to register the server by hand."""
    assert platform.pgadmin_is_connected()


def test_spark_has_a_worker_and_a_finished_application(platform: Platform) -> None:
    """The processing runs on the cluster."""

    def states() -> set[str]:
        # A driver disconnects shortly after its run has succeeded.
        return {application["state"] for application in platform.spark_state()["completedapps"]}

    assert {"FINISHED"} == wait_until(states, "an application that has ended", seconds=60)
    assert platform.spark_state()["aliveworkers"] == 1


def test_dagster_has_both_locations_and_their_assets_materialized(platform: Platform) -> None:
    """A run cannot span two locations, but their assets form one graph."""
    nodes = platform.dagster("{assetNodes{assetKey{path} assetMaterializations(limit:1){runId}}}")

    materialized = {
        "/".join(node["assetKey"]["path"])
        for node in nodes["assetNodes"]
        if node["assetMaterializations"]
    }
    assert {"raw/coin_snapshots", "clean/coin_prices", "warehouse/coin_prices"} <= materialized


def test_the_analyst_sees_nothing_of_dagster(platform: Platform) -> None:
    """Databases and roles are separate."""
    [(databases,)] = platform.query(
        "SELECT array_agg(datname::text ORDER BY datname) FROM pg_database "
        "WHERE has_database_privilege(current_user, datname, 'CONNECT') AND NOT datistemplate "
        "AND datname <> 'postgres'"
    )

    assert ["bigdata_db"] == databases


def test_docker_inspect_and_sparks_page_show_no_secret(platform: Platform) -> None:
    """Whoever may look at containers should not be able to log in to the stores."""
    secrets = platform.secrets()
    descriptions = platform.containers()

    assert len(secrets) >= 13
    # The default passwords are words such as `admin`, which are names of users as well.
    long = {secret for secret in secrets if len(secret) > 8}
    shown = json.dumps([descriptions, platform.spark_state()])
    assert [] == [secret for secret in long if secret in shown]
    names_of_users = ("_USER", "_USERNAME")
    for one in descriptions.values():
        pairs = (pair.partition("=") for pair in one["Config"]["Env"])
        values = {value for name, _, value in pairs if not name.endswith(names_of_users)}
        assert set() == values & secrets


def test_the_platform_is_no_superuser_and_owns_its_tables(platform: Platform) -> None:
    """A mistake in the platform must not be able to reach anything else on the server."""
    owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = ANY (%s)"
    schemas = "'{warehouse,marts,staging}'"

    assert [("cryptoassets",)] == platform.query(owners.replace("%s", schemas), "admin")
    [(is_super,)] = platform.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'cryptoassets'")
    assert not is_super


@pytest.mark.usefixtures("platform")
def test_the_tests_of_the_data_lake_pass_on_this_mongodb() -> None:
    """`make test` runs them on a stand-in. They need the root user to create databases."""
    url = f"mongodb://admin:admin@127.0.0.1:{PORTS['MONGO_PORT']}/?authSource=admin"

    modules = ("test_mongo", "test_mongo_loading", "test_mongo_verbatim", "test_expiry")

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         *(f"cryptoassets_tests/io_managers/{module}.py" for module in modules)],
        cwd=project_root(),
        env=os.environ | {"CRYPTOASSETS_TEST_MONGO_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout[-5000:]
