"""The running platform, queried as a user would; run by `make test-compose`.

What goes here: tests of the running platform, in the order in which a user would look. What stays
out: checks of the compose file alone (in `test_compose_file`); killing, stopping and changing the
platform (in `test_upkeep`). If images cannot be pulled, set CRYPTOASSETS_STANDINS to a script that
builds stand-ins; the tests then check the wiring, but not the real images.
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


@pytest.mark.usefixtures("platform")
def test_the_data_lakes_tests_pass_on_this_mongodb() -> None:
    """`make test` runs these tests on a stand-in. They log in as root to create databases.

    This test is the first, because Airflow's first scheduled run starts up to 5 minutes later.
    """
    url = f"mongodb://admin:admin@127.0.0.1:{PORTS['MONGO_PORT']}/?authSource=admin"

    modules = ("test_mongo", "test_mongo_loading", "test_mongo_verbatim", "test_expiry")

    completed = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         *(f"cryptoassets_tests/io_managers/{module}.py" for module in modules)],
        cwd=project_root(),
        env=os.environ | {"CRYPTOASSETS_TEST_MONGO_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert completed.returncode == 0, completed.stdout[-5000:]


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
    # By now, this DAG's last task has refreshed the day's marts. The hourly DAG refreshes them only
    # much later.
    [(coins,)] = platform.query("SELECT count(*)::int FROM marts.coin_daily")
    assert coins >= 100


def test_no_interval_before_the_first_start_is_scheduled(platform: Platform) -> None:
    """Intervals before the first start have no raw documents, so their runs could only fail."""
    for dag in ("process_cryptoassets_hourly", "materialize_cryptoassets_daily"):
        assert [] == [run for run in platform.airflow_runs(dag) if run["state"] == "failed"]


def test_every_service_is_healthy_within_its_memory_limit(platform: Platform) -> None:
    """Services with a failing health check would block their dependents."""
    wait_until(lambda: not platform.unwell(), "every service healthy", seconds=180)

    containers = platform.containers()
    assert [] == [name for name, one in containers.items() if one["State"]["OOMKilled"]]
    assert {0} == {one["RestartCount"] for one in containers.values()}


def test_mongo_express_shows_a_raw_document(platform: Platform) -> None:
    """Mongo Express logs in as a read-only user. The stand-in for MongoDB ignores roles."""
    assert "bitcoin@" in platform.mongo_express_page()


def test_mongo_express_asks_for_the_password(platform: Platform) -> None:
    """Mongo Express shows the whole data lake."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        platform.mongo_express_page("wrong")


def test_pgadmin_connects_without_asking_for_a_password(platform: Platform) -> None:
    """Users should not have to register the PostgreSQL server by hand."""
    assert platform.pgadmin_is_connected()


def test_spark_has_a_worker_and_a_finished_application(platform: Platform) -> None:
    """Snapshots are processed on the Spark cluster."""

    def states() -> set[str]:
        # A driver disconnects shortly after its run has succeeded.
        return {application["state"] for application in platform.spark_state()["completedapps"]}

    assert {"FINISHED"} == wait_until(states, "an application that has ended", seconds=60)
    assert platform.spark_state()["aliveworkers"] == 1


def test_the_assets_of_both_dagster_code_locations_are_materialized(platform: Platform) -> None:
    """A run cannot span two code locations, but their assets form one graph."""
    nodes = platform.dagster("{assetNodes{assetKey{path} assetMaterializations(limit:1){runId}}}")

    materialized = {
        "/".join(node["assetKey"]["path"])
        for node in nodes["assetNodes"]
        if node["assetMaterializations"]
    }
    assert {"raw/coin_snapshots", "clean/coin_prices", "warehouse/coin_prices"} <= materialized


def test_the_analyst_cannot_connect_to_dagsters_database(platform: Platform) -> None:
    """The role may connect to the user's database only."""
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
    # The default passwords are words such as `admin`, which are also user names.
    long = {secret for secret in secrets if len(secret) > 8}
    shown = json.dumps([descriptions, platform.spark_state()])
    assert [] == [secret for secret in long if secret in shown]
    names_of_users = ("_USER", "_USERNAME")
    for one in descriptions.values():
        pairs = (pair.partition("=") for pair in one["Config"]["Env"])
        values = {value for name, _, value in pairs if not name.endswith(names_of_users)}
        assert set() == values & secrets


def test_the_platforms_role_is_no_superuser_and_owns_the_tables(platform: Platform) -> None:
    """A mistake in the platform must not be able to reach anything else on the server."""
    owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = ANY (%s)"
    schemas = "'{warehouse,marts,staging}'"

    assert [("cryptoassets",)] == platform.query(owners.replace("%s", schemas), "admin")
    [(is_super,)] = platform.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'cryptoassets'")
    assert not is_super
