"""Dagster's home: one instance file, runs stored in PostgreSQL, nothing in SQLite."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import psycopg
import pytest

from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.embedded import (
    Stack,
    dagster_environment,
    dagster_instance,
    dagster_stack,
)
from cryptoassets.embedded.dagster_storage import HomeComputeLogs
from cryptoassets.embedded.processes import free_port
from cryptoassets.project import project_root
from cryptoassets_tests.toy_job import toy_job

pytestmark = pytest.mark.postgres
MakeStack = Callable[..., Stack]


@pytest.fixture
def instance(
    home: Path, make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance, opened from a folder outside the project."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for name in ("POSTGRES_URL", "COINCAP_URL", "COINCAP_API_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)
    make_stack()
    with dagster_instance() as opened:
        yield opened


@pytest.fixture
def silent_source() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers; its `accept` does not block."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0)
        yield server


@pytest.mark.timeout(180)
def test_with_stores_named_in_the_settings_dagster_loads_without_asking_the_source(
    home: Path, make_stack: MakeStack, silent_source: socket.socket, tmp_path: Path
) -> None:
    """Docker Compose must be able to start Dagster and Airflow while the source is down."""
    variables = {
        "CRYPTOASSETS_HOME": str(home),
        "COINCAP_URL": f"http://127.0.0.1:{silent_source.getsockname()[1]}",
        "POSTGRES_URL": make_stack().postgres_url(),
        "MONGO_URL": "mongodb://127.0.0.1:1/",
        "DAGSTER_HOME": str(project_root()),
    }

    validated = subprocess.run(
        [Path(sys.executable).parent / "dagster", "definitions", "validate"],
        env=os.environ | variables,
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )

    assert 0 == validated.returncode, validated.stderr
    assert (home / "dagster").is_dir()
    with pytest.raises(BlockingIOError):
        silent_source.accept()


def test_with_embedded_stores_dagster_starts_although_the_source_has_never_answered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was fetched yet, so Dagster can use CoinCap's stores until the source is known."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(home))
    monkeypatch.setenv("COINCAP_URL", f"http://127.0.0.1:{free_port()}")
    messages: list[str] = []

    stack = dagster_stack(messages.append)

    assert home / "coincap" == stack.source_home
    assert [
        "COINCAP_URL does not answer: Dagster starts, but fetching fails until the source answers"
    ] == messages


def test_a_source_that_answers_later_does_not_move_dagsters_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster must not look for its runs in a database that does not contain them."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(home))
    with make_server(simulated_source()) as source:
        monkeypatch.setenv("COINCAP_URL", source.url)
        monkeypatch.setenv("DAGSTER_HOME", str(home / "coincap" / "dagster"))
        home_at_start = dagster_stack().source_home
        monkeypatch.delenv("DAGSTER_HOME")

        assert home / "coincap" == home_at_start
        assert home == dagster_stack().source_home


def test_runs_and_events_are_stored_in_postgresql(
    make_stack: MakeStack, instance: dg.DagsterInstance
) -> None:
    """In SQLite, one of two processes that write at the same time fails with a lock error."""
    result = toy_job.execute_in_process(instance=instance)

    with psycopg.connect(make_stack().postgres_url("dagster")) as connection:
        runs = connection.execute("SELECT run_id, status FROM runs").fetchall()
        events = connection.execute("SELECT count(*) FROM event_logs").fetchone()

    assert [(result.run_id, "SUCCESS")] == runs
    assert events is not None
    assert events[0] >= len(list(result.all_events))


def test_files_of_runs_stay_below_home(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """Without DAGSTER_HOME, Dagster would keep these files in a folder that it deletes on exit."""
    toy_job.execute_in_process(instance=instance)

    assert str(home / "dagster") == instance.root_directory
    assert list((home / "dagster" / "storage").rglob("*.out"))
    assert [] == list(tmp_path.iterdir())
    assert [] == [path for path in home.rglob("*.db") if "mongo" not in path.parts]


def test_the_instance_sends_no_telemetry_and_limits_the_time_of_runs(
    instance: dg.DagsterInstance,
) -> None:
    """The default launcher has no health check: only a time limit marks a killed run as failed."""
    assert False is instance.get_settings("telemetry")["enabled"]
    assert 7200 == instance.run_monitoring_settings["max_runtime_seconds"]


def test_subprocesses_get_a_dagster_home_with_our_instance_file(
    home: Path, instance: dg.DagsterInstance
) -> None:
    """Without DAGSTER_HOME, `dagster dev` warns that nothing will be kept."""
    environment = dagster_environment()

    assert str(home / "dagster") == environment["DAGSTER_HOME"]
    assert (home / "dagster" / "dagster.yaml").samefile(project_root() / "dagster.yaml")
    assert "DAGSTER_HOME" not in os.environ
    assert environment == dagster_environment()


@pytest.mark.parametrize("named", ["/nonexistent/dagster", "dagster", "{other}"])
def test_the_dagster_home_of_another_project_is_not_used(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance, named: str
) -> None:
    """In a shell that is used for two projects, DAGSTER_HOME may belong to the other project."""
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: true\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", named.format(other=tmp_path))
        patch.setenv("DAGSTER_GRPC_PORT", "1")
        environment = dagster_environment()
        with dagster_instance() as opened:
            assert instance.root_directory == opened.root_directory

    assert str(home / "dagster") == environment["DAGSTER_HOME"]
    assert "DAGSTER_GRPC_PORT" not in environment


def test_a_dagster_home_with_a_copy_of_our_instance_file_is_used(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The containers of Docker Compose have such a DAGSTER_HOME."""
    (tmp_path / "dagster.yaml").write_text((project_root() / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    assert str(tmp_path) == dagster_environment()["DAGSTER_HOME"]


def test_ctrl_c_does_not_end_the_processes_that_copy_output(tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches these processes; they once printed tracebacks and lost lines."""
    this = psutil.Process()
    before = this.children()

    with HomeComputeLogs(base_dir=str(tmp_path)).capture_logs(["run", "compute_logs", "step"]):
        started = [one for one in this.children() if one not in before]
        for process in started:
            process.send_signal(signal.SIGINT)
        ended, _ = psutil.wait_procs(started, timeout=0.3)

    assert [] == ended
    assert 4 == len(started)
    assert [] == [one for one in this.children() if one in started]
