"""If a task is lost after its commit, each row is still published once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.project import project_root
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import Lake
from cryptoassets_tests.cluster.losing import COINS, SNAPSHOTS
from cryptoassets_tests.cluster.standalone import Cluster
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.rows import HOUR

pytestmark = [
    pytest.mark.spark,
    pytest.mark.mongo,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
]
STAGED = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
PRICES = "SELECT count(*), count(DISTINCT (coin_id, observed_at)) FROM warehouse.coin_prices"
SPECULATION = """
spark.speculation                 true
spark.speculation.interval        200ms
spark.speculation.quantile        0.5
spark.speculation.multiplier      1.1
spark.speculation.minTaskRuntime  200ms
"""


def stores_of(lake: Lake, database: str) -> dict[str, str]:
    """Return the environment variables that name a test's stores."""
    return {
        "MONGO_URL": Stack(load_settings()).mongo_url(),
        "MONGO_DATABASE": lake.name,
        "POSTGRES_URL": database,
    }


def process(mishap: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Process an hour in a separate driver; return `<job>-<task>-<attempt>` of each attempt."""
    module = "cryptoassets_tests.cluster.losing"
    finished = subprocess.run(
        [sys.executable, "-m", module, mishap, str(folder)],
        env=environment,
        cwd=project_root(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report = json.loads(finished.stdout.splitlines()[-1])
    assert {"files": 4, "groups": 4} == report
    return sorted(note.name for note in folder.iterdir())


def assert_each_row_is_published_once(database: str) -> None:
    """Check the rows; in each snapshot, one of the five coins is quarantined."""
    documents, valid = SNAPSHOTS * COINS, SNAPSHOTS * (COINS - 1)
    assert [(HOUR, documents, valid, SNAPSHOTS, 0)] == warehouse.ledger(database)
    assert [(valid, valid)] == warehouse.ask(database, PRICES)
    assert [] == warehouse.ask(database, STAGED)


def test_a_task_that_fails_after_its_commit_is_retried(
    lake: Lake, database: str, clean_path: Path, tmp_path: Path
) -> None:
    """Rows that the failed attempt staged or wrote as Parquet are not used."""
    folder = tmp_path / "attempts"
    folder.mkdir()

    stores = stores_of(lake, database)

    attempts = process("fails", folder, {**os.environ, **stores, "SPARK_MASTER": "local[2,4]"})

    assert {"WriteTask-1-1", "StageTask-1-1"} < set(attempts)
    assert_each_row_is_published_once(database)


@pytest.mark.parametrize(
    "mishap", ["executor dies", pytest.param("is slow", marks=pytest.mark.long)]
)
def test_a_task_of_a_lost_or_slow_executor_runs_on_another_executor(
    lake: Lake, database: str, tmp_path: Path, cluster: Cluster, mishap: str
) -> None:
    """If the executor is slow, speculation runs the task twice, and both attempts commit."""
    folder = tmp_path / "attempts"
    conf = tmp_path / "conf"
    for path in (folder, conf):
        path.mkdir()
    settings = (cluster.folder / "conf/spark-defaults.conf").read_text()
    more = SPECULATION if mishap == "is slow" else ""
    (conf / "spark-defaults.conf").write_text(settings + more)
    stores = stores_of(lake, database)
    cluster.set_urls(stores["MONGO_URL"], database)
    folders = {"SPARK_CONF_DIR": str(conf), "CLEAN_PATH": str(tmp_path / "clean")}

    attempts = process(mishap, folder, cluster.driver_environment(**stores, **folders))

    assert {"WriteTask-1-1", "StageTask-1-1"} < set(attempts)
    workers = {(folder / name).read_text().partition("/work/")[0] for name in attempts}
    assert {"worker-0", "worker-1"} == {Path(name).name for name in workers}
    assert_each_row_is_published_once(database)
