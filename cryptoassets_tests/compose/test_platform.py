"""The platform brought up for real and asked as a person would ask it; `make test-compose`.

What goes here: promises of a platform that runs, in the order in which one would look. What stays
out: what the file alone can show (in `test_compose_file`). Where no image can be pulled,
CRYPTOASSETS_STANDINS names a script that builds stand-ins: they prove wiring, not the real images.
"""

import os
import re
import shutil
import subprocess
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.settings import project_root
from cryptoassets_tests.compose.platform import Platform, wait_until

SNAPSHOTS = "materialize_cryptoassets_snapshots"
IMAGES = ("postgres", "mongo", "mongo-express", "pgadmin4", "airflow3")
KILLED = (
    "mongo", "mongo-express", "postgres", "pgadmin", "spark-master", "spark-worker", "producer",
    "spark-consumer", "dagster-webserver", "dagster-daemon", "airflow-webserver",
    "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "coincap-simulator",
)  # fmt: skip

pytestmark = [
    pytest.mark.skipif(
        "CRYPTOASSETS_COMPOSE" not in os.environ,
        reason="brings up 15 containers: make test-compose (sets CRYPTOASSETS_COMPOSE)",
    ),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """A platform of its own, from nothing; thrown away afterwards, volumes and all."""
    if script := os.environ.get("CRYPTOASSETS_STANDINS"):
        subprocess.run(["bash", script, *IMAGES], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    started = Platform(project_root())
    started.compose("down", "-v", "--remove-orphans")
    try:
        started.compose("up", "-d", "--build", seconds=1700)
        yield started
    finally:
        started.compose("down", "-v", "--remove-orphans")


def newest_row(platform: Platform) -> str:
    """When the newest price was observed; empty before the first."""
    [(newest,)] = platform.query("SELECT max(observed_at)::text FROM warehouse.coin_prices")
    return newest or ""


def is_well(platform: Platform, service: str) -> bool:
    """Whether one service runs, and is healthy where it can say so."""
    return platform.services().get(service) in {"healthy", "running"}


def all_are_well(platform: Platform) -> bool:
    """Whether every service runs, and is healthy where it can say so."""
    return set(platform.services().values()) <= {"healthy", "running"}


def test_airflow_lands_rows_with_nobody_touching_anything(platform: Platform) -> None:
    """The promise of the one command; asked of PostgreSQL as the analyst."""
    wait_until(lambda: newest_row(platform), "the first rows", seconds=700)

    assert [("simulator", 100)] == platform.query(
        "SELECT source, count(DISTINCT coin_id)::int FROM warehouse.coin_prices GROUP BY source"
    )
    wait_until(
        lambda: "success" in {run["state"] for run in platform.airflow_runs(SNAPSHOTS)},
        "a DAG run that succeeded",
        seconds=120,
    )


def test_every_service_is_well(platform: Platform) -> None:
    """Health checks that never turn green would hold up whoever waits for them."""
    wait_until(lambda: all_are_well(platform), "every service healthy", seconds=180)


def test_mongo_express_shows_a_raw_document(platform: Platform) -> None:
    """Read through a read-only user; roles are ignored by the stand-in of MongoDB."""
    assert "bitcoin@" in platform.mongo_express_page()


def test_mongo_express_asks_for_the_password(platform: Platform) -> None:
    """It shows the whole lake."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        platform.mongo_express_page("wrong")


def test_pgadmin_connects_with_no_password_typed(platform: Platform) -> None:
    """The classic stack has its user register the server by hand."""
    assert platform.pgadmin_is_connected()


def test_spark_has_a_worker_and_a_finished_application(platform: Platform) -> None:
    """The processing runs on the cluster, not beside it."""
    state = platform.spark_state()

    assert state["aliveworkers"] == 1
    assert "FINISHED" in {application["state"] for application in state["completedapps"]}


def test_dagster_has_both_locations_and_their_assets_materialized(platform: Platform) -> None:
    """A run cannot span two locations; their assets are one graph all the same."""
    nodes = platform.dagster("{assetNodes{assetKey{path} assetMaterializations(limit:1){runId}}}")

    made = {
        "/".join(node["assetKey"]["path"])
        for node in nodes["assetNodes"]
        if node["assetMaterializations"]
    }
    assert {"raw/coin_snapshots", "clean/coin_prices", "warehouse/coin_prices"} <= made


def test_the_analyst_sees_nothing_of_dagster(platform: Platform) -> None:
    """Databases apart, roles apart."""
    [(databases,)] = platform.query(
        "SELECT array_agg(datname::text ORDER BY datname) FROM pg_database "
        "WHERE has_database_privilege(current_user, datname, 'CONNECT') AND NOT datistemplate "
        "AND datname <> 'postgres'"
    )

    assert ["bigdata_db"] == databases


def test_each_container_heals_when_its_processes_are_killed(platform: Platform) -> None:
    """`docker kill` would count as a wish to stop; a crash must be healed."""
    before = newest_row(platform)

    for service in KILLED:
        # As root: what ran as another user must go, too. The shell itself is spared.
        platform.compose("exec", "-T", "-u", "0", service, "sh", "-c", "kill -9 -1")
        wait_until(lambda name=service: is_well(platform, name), f"{service} back", seconds=240)

    wait_until(lambda: all_are_well(platform), "every service healed", seconds=240)
    assert before <= wait_until(lambda: newest_row(platform), "the rows", seconds=60)
    wait_until(lambda: newest_row(platform) > before, "a later snapshot", seconds=900)


def test_data_is_kept_over_down_and_up(platform: Platform) -> None:
    """`down` without `-v` takes containers, never data."""
    rows = "SELECT count(*) FROM warehouse.coin_prices WHERE observed_at <= '{}'"
    newest = newest_row(platform)
    before = platform.query(rows.format(newest))

    platform.compose("down")
    platform.compose("up", "-d")

    assert before == wait_until(
        lambda: platform.query(rows.format(newest)), "PostgreSQL", seconds=120
    )
    assert re.search("bitcoin@", platform.mongo_express_page())


def test_a_changed_transform_is_in_force_after_build_and_up(
    platform: Platform, tmp_path: Path
) -> None:
    """The two commands of the docs, on a copy whose rule refuses prices above 10,000 USD."""
    changed = tmp_path / "changed"
    ignored = shutil.ignore_patterns(".git", ".venv*", ".cryptoassets", ".uv", "__pycache__")
    shutil.copytree(project_root(), changed, ignore=ignored)
    rules = changed / "cryptoassets/transforms/rules.py"
    rules.write_text(rules.read_text().replace("price <= 0)", "(price <= 0) | (price > 10_000))"))
    refused = (
        "SELECT count(*)::int FROM warehouse.quarantine "
        "WHERE 'price_usd_not_positive' = ANY (reasons)"
    )
    assert [(0,)] == platform.query(refused)

    Platform(changed).compose("build", "spark-consumer")
    Platform(changed).compose("up", "-d", "spark-consumer")

    wait_until(lambda: platform.query(refused)[0][0] > 0, "the changed rule", seconds=700)
    platform.compose("build", "spark-consumer")
    platform.compose("up", "-d", "spark-consumer")
