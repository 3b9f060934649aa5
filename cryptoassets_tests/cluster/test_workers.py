"""Promises on a cluster's workers: they run the driver's code, and show nobody a password."""

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

# Six JVMs: half a minute on idle cores, minutes on busy ones.
pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]
PASSWORD = "planted-7c1f"


@dataclass(frozen=True)
class Story:
    """What a driver with a changed rule saw, and what everybody could see meanwhile."""

    told: dict[str, Any]
    shown: str
    command_lines: str


@pytest.fixture(scope="module")
def story(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Tasks of a driver whose package is a copy with one more reason; the workers have none."""
    copy = tmp_path_factory.mktemp("changed")
    shutil.copytree(Path(cryptoassets.__file__).parent, copy / "cryptoassets")
    with (copy / "cryptoassets/transforms/rules.py").open("a") as rules:
        rules.write('REASONS["shipped"] = "only the driver has it"\n')
    cluster.give(f"mongodb://executor:{PASSWORD}@m", f"postgresql://executor:{PASSWORD}@p/b")
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
        told = json.loads(process.stdout.readline())
        lines = "\n".join(_command_line(p) for p in psutil.process_iter())
        shown = cluster.shown(told["page"], told["application"])
        process.communicate("")
    return Story(told, shown, lines)


def test_both_workers_run_the_rules_of_the_driver(story: Story) -> None:
    """What is installed on them is older: only the driver was renewed."""
    seen = story.told["seen"]

    assert {"worker-0", "worker-1"} == {Path(task["folder"]).parents[2].name for task in seen}
    assert all("shipped" in task["reasons"] for task in seen)


def test_workers_read_urls_of_their_own(story: Story) -> None:
    """Those of the driver may do more than a task needs."""
    assert [["//executor", "//executor"]] * 2 == [task["users"] for task in story.told["seen"]]


def test_a_worker_with_other_code_is_refused(story: Story) -> None:
    """Rows that other rules judged must not be published; the error names both."""
    assert story.told["refusal"].startswith("WorkerCodeError: The Spark worker on ")
    assert "instead of 0123456789abcdef/3.9; the driver has Python 3.9" in story.told["refusal"]


def test_nobody_is_shown_a_password(story: Story) -> None:
    """Spark's pages have no log-in, and every user of a machine may list its processes."""
    assert "CoarseGrainedExecutorBackend" in story.command_lines
    assert PASSWORD not in story.command_lines
    assert "mapInArrow" in story.shown or "MapInArrow" in story.shown
    assert PASSWORD not in story.shown


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
