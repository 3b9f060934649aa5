"""Spark's JVM starts within a time limit; else it is ended, and one sentence gives the reason."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.jvm import end_prestarted_jvm, prestart_jvm, start_jvm
from cryptoassets.environment import java_environment
from cryptoassets.errors import EmbeddedError

pytestmark = pytest.mark.spark

# Runs in a separate process, to which resource limits can be applied.
START = """
import json, resource, sys
from pathlib import Path
from cryptoassets.embedded.jvm import start_jvm
from cryptoassets.errors import EmbeddedError
folder, config, environment, kind, limit = json.loads(sys.argv[1])
if kind:
    resource.setrlimit(getattr(resource, kind), (limit, limit))
try:
    start_jvm(config, environment, Path(folder), Path(folder).parent / "spark.log")
except EmbeddedError as error:
    print(error)
"""


def java_of(folder: Path) -> list[psutil.Process]:
    """Return the JVM processes that write their address to this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            address = process.environ().get("_PYSPARK_DRIVER_CONN_INFO_PATH", "")
        except psutil.Error:
            continue
        found += [process] if address.startswith(str(folder)) else []
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for the JVM's temporary files; the JVM's log is next to this folder."""
    return tmp_path / "spark"


@pytest.fixture
def config(stack: Stack) -> dict[str, str]:
    """The configuration of a small Spark session that starts quickly."""
    options = " ".join(["-XX:+UseSerialGC", *stack.java_options()])
    return {"spark.master": "local[1]", "spark.driver.extraJavaOptions": options}


@pytest.fixture
def environment(stack: Stack) -> dict[str, str]:
    """The JVM's environment variables."""
    return java_environment("local[1]", stack.java_home())


@pytest.fixture
def start(
    folder: Path, config: dict[str, str], environment: dict[str, str]
) -> Callable[[str, int], str]:
    """A function that starts the JVM from a process with a resource limit; returns the output."""

    def run(kind: str, limit: int) -> str:
        arguments = json.dumps([str(folder), config, environment, kind, limit])
        completed = subprocess.run(
            [sys.executable, "-c", START, arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        return completed.stdout

    return run


@pytest.mark.parametrize(
    ("kind", "limit", "remedy"),
    [
        # The first write fails, as on a full disk.
        ("RLIMIT_FSIZE", 0, "The disk is full, or `ulimit -f` is too low. Free some space"),
        ("RLIMIT_NOFILE", 300, "Raise it with `ulimit -n 4096`"),
        ("RLIMIT_AS", 1_500_000_000, "raise the limit with `ulimit -v unlimited`"),
    ],
)
def test_a_shortage_is_reported_in_one_sentence_and_leaves_no_jvm(
    folder: Path, start: Callable[[str, int], str], kind: str, limit: int, remedy: str
) -> None:
    """The cause used to be hidden below a hundred lines of Java output, or missing."""
    printed = start(kind, limit)

    assert printed.startswith("Spark cannot be started. "), printed
    assert remedy in printed
    assert 1 == len(printed.splitlines())
    assert [] == java_of(folder)


def test_a_jvm_that_cannot_write_its_address_is_ended(
    folder: Path, config: dict[str, str], environment: dict[str, str]
) -> None:
    """On a full disk, PySpark itself would wait forever, and the JVM would outlive PySpark."""
    folder.mkdir()
    with ThreadPoolExecutor() as pool:
        started = pool.submit(start_jvm, config, environment, folder, folder.parent / "spark.log")
        while not java_of(folder):
            time.sleep(0.01)
        for scratch in folder.iterdir():
            scratch.rmdir()

        with pytest.raises(EmbeddedError, match=r"it failed and did not end \(Exception in thread"):
            started.result(timeout=60)

    assert [] == java_of(folder)


def test_a_jvm_ends_with_the_process_that_started_it(
    folder: Path, start: Callable[[str, int], str]
) -> None:
    """The JVM's standard input is closed when our process ends, even if our process is killed."""
    assert "" == start("", 0)

    _, alive = psutil.wait_procs(java_of(folder), timeout=30)

    assert [] == alive


def test_the_error_of_a_failing_java_is_quoted_with_the_path_of_its_log(
    folder: Path, config: dict[str, str], environment: dict[str, str]
) -> None:
    """The log contains everything else that Java printed."""
    bad = folder.parent / "bad" / "bin" / "java"
    bad.parent.mkdir(parents=True)
    bad.write_text("#!/bin/sh\necho 'Error: no such VM'\nexit 1\n")
    bad.chmod(0o755)
    changed = environment | {"JAVA_HOME": str(bad.parent.parent)}

    with pytest.raises(EmbeddedError, match=r"\(Error: no such VM\).* log is in .*spark\.log"):
        start_jvm(config, changed, folder, folder.parent / "spark.log")


def test_a_jvm_started_in_advance_is_used(
    folder: Path, config: dict[str, str], environment: dict[str, str]
) -> None:
    """The JVM starts while Python imports modules; another JVM would take the same time again."""
    folder.mkdir()
    log = folder.parent / "spark.log"
    prestart_jvm(config, environment, folder, log)

    jvm = start_jvm(config, environment, folder, log)

    try:
        assert [jvm.process.pid] == [process.pid for process in java_of(folder)]
        assert [] == list(folder.iterdir())
    finally:
        jvm.end()


def test_a_jvm_started_in_advance_with_other_settings_is_replaced(
    folder: Path, config: dict[str, str], environment: dict[str, str]
) -> None:
    """A loop uses different flags than a single run, and tests change settings between runs."""
    folder.mkdir()
    log = folder.parent / "spark.log"
    prestart_jvm({**config, "spark.master": "local[2]"}, environment, folder, log)

    jvm = start_jvm(config, environment, folder, log)

    try:
        assert [jvm.process.pid] == [process.pid for process in java_of(folder)]
        assert "spark.master=local[1]" in jvm.process.args
    finally:
        jvm.end()


def test_an_unused_jvm_is_ended_and_leaves_no_files(
    folder: Path, config: dict[str, str], environment: dict[str, str]
) -> None:
    """The JVM remains unused if the stores fail to start, or if there is nothing to do."""
    folder.mkdir()
    prestart_jvm(config, environment, folder, folder.parent / "spark.log")

    end_prestarted_jvm()

    assert [] == java_of(folder)
    assert [] == list(folder.iterdir())
