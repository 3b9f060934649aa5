"""The JVM that a command starts in advance ends with the command if no session uses it."""

import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets.project import project_root
from cryptoassets.resources.spark_jvm import prestarted_jvm
from cryptoassets_tests.embedded.test_jvm import java_of

pytestmark = pytest.mark.spark


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate home for this test."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    return tmp_path


FAILING = """
import time
from pathlib import Path
from cryptoassets.resources.spark_jvm import prestarted_jvm
from cryptoassets_tests.embedded.test_jvm import java_of

home = Path({home!r})
try:
    with prestarted_jvm():
        # One or two: the start script may also be running a Java that prints the command line.
        print("started" if java_of(home) else "not started")
        raise ValueError("the window is empty")
except ValueError as error:
    print(error)
# `prestarted_jvm` waits for the end of the start script's first process only.
deadline = time.monotonic() + 20
while java_of(home) and time.monotonic() < deadline:
    time.sleep(0.05)
print(len(java_of(home)), "left")
"""
"""A command that fails because of its options, in a process that then continues."""


def test_a_command_that_fails_before_it_needs_spark_leaves_no_java(home: Path) -> None:
    """Otherwise a Python shell would keep an unused JVM.

    The command runs in a subprocess, which has no JVM from other tests.
    """
    finished = subprocess.run(
        [sys.executable, "-c", FAILING.format(home=str(home))],
        cwd=project_root(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert ["started", "the window is empty", "0 left"] == finished.stdout.splitlines()
    assert [] == list((home / "spark").rglob("start-*"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("COINCAP_URL", "http://127.0.0.1:9"), ("COINCAP_COINS", "many"), ("SPARK_MASTER", "sc://x")],
)
def test_no_jvm_is_started_in_advance_if_the_source_is_unknown_or_a_setting_is_wrong(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    """Nothing is raised here: the command reports the problem when it needs the setting."""
    monkeypatch.setenv(setting, value)

    with prestarted_jvm():
        assert [] == java_of(home)
