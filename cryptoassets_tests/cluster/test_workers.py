"""A cluster's workers run the driver's code and do not reveal passwords."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import cryptoassets
from cryptoassets_tests.cluster import driver
from cryptoassets_tests.cluster.standalone import Cluster

# Starts six JVMs, which takes 30 s on an idle machine and minutes on a busy one.
pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]
PASSWORD = "planted-7c1f"


@dataclass(frozen=True)
class Observation:
    """The report of a driver with a changed rule, and all texts that were visible meanwhile."""

    report: dict[str, Any]
    visible_texts: str
    command_lines: str


@pytest.fixture(scope="module")
def observation(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Observation:
    """Run a driver whose package has a reason code that the workers' package lacks."""
    copy = tmp_path_factory.mktemp("changed")
    shutil.copytree(Path(cryptoassets.__file__).parent, copy / "cryptoassets")
    with (copy / "cryptoassets/transforms/rules.py").open("a") as rules:
        rules.write('REASONS["shipped"] = "only the driver has it"\n')
    cluster.set_urls(f"mongodb://executor:{PASSWORD}@m", f"postgresql://executor:{PASSWORD}@p/b")
    with subprocess.Popen(
        [sys.executable, driver.__file__],
        env=cluster.driver_environment(
            PYTHONPATH=str(copy),
            MONGO_URL=f"mongodb://driver:{PASSWORD}@m",
            POSTGRES_URL=f"postgresql://driver:{PASSWORD}@p/b",
        ),
        cwd=copy,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        lines = "\n".join(_command_line(p) for p in psutil.process_iter())
        visible_texts = cluster.visible_texts(report["page"], report["application"])
        process.communicate("")
    return Observation(report, visible_texts, lines)


def test_both_workers_run_the_rules_of_the_driver(observation: Observation) -> None:
    """The package installed on the workers lacks the additional reason code of the driver."""
    seen = observation.report["seen"]

    assert {"worker-0", "worker-1"} == {Path(task["folder"]).parents[2].name for task in seen}
    assert all("shipped" in task["reasons"] for task in seen)


def test_workers_read_their_own_urls(observation: Observation) -> None:
    """The database users in the driver's URLs have more rights than a task needs."""
    seen = observation.report["seen"]

    assert [["//executor", "//executor"]] * 2 == [task["users"] for task in seen]


def test_a_worker_with_other_code_is_refused(observation: Observation) -> None:
    """Rows judged by other rules must not be published; the error names both versions."""
    refusal = observation.report["refusal"]

    assert refusal.startswith("WorkerCodeError: The Spark worker on ")
    assert "instead of 0123456789abcdef/3.9; the driver has Python 3.9" in refusal


def test_passwords_are_not_publicly_visible(observation: Observation) -> None:
    """Spark's pages have no log-in, and every user of a machine may list its processes."""
    assert "CoarseGrainedExecutorBackend" in observation.command_lines
    assert PASSWORD not in observation.command_lines
    assert "mapInArrow" in observation.visible_texts or "MapInArrow" in observation.visible_texts
    assert PASSWORD not in observation.visible_texts


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
