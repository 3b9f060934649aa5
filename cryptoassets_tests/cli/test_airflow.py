"""The command `airflow`, as far as it goes without Airflow; the live tests start Airflow."""

import io
import os
import socket
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from cryptoassets.cli.airflow import run_airflow
from cryptoassets.embedded.processes import Program, stop
from cryptoassets.errors import EmbeddedError
from cryptoassets_tests.e2e.homes import Home


def test_a_running_airflow_is_not_killed_by_a_second_start(tmp_path: Path) -> None:
    """The lock is held for as long as the command that started Airflow lives."""
    folder = tmp_path / "airflow"
    log = folder / "logs" / "scheduler.log"
    scheduler = Program("scheduler", ["/bin/sleep", "300"], os.environ, log)
    scheduler.start()
    assert scheduler.process is not None

    with FileLock(folder / "running.lock"):
        completed = Home(tmp_path).command("airflow")

    assert 1 == completed.code
    assert completed.text.startswith("Error: Airflow already runs at http://localhost:8081. ")
    assert scheduler.process.poll() is None
    stop(scheduler.process.pid)


@pytest.mark.postgres
@pytest.mark.usefixtures("stack")
def test_the_program_that_uses_the_port_is_named() -> None:
    """Each step is printed even without a terminal, because the start takes more than a minute."""
    output = io.StringIO()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(EmbeddedError) as raised:
            run_airflow(Console(file=output, width=200), port=port, dagster_port=1)

    assert f"Port {port} is used by another program (pid {os.getpid()}, " in str(raised.value)
    assert "  Starting the services that are not running ...\n" in output.getvalue()


@pytest.mark.parametrize("arguments", [["dags", "list", "--help"], ["--", "dags", "list"]])
def test_arguments_are_for_airflow_which_must_have_been_started(
    tmp_path: Path, arguments: list[str]
) -> None:
    """Nothing is started or created; options after the first argument belong to Airflow."""
    completed = Home(tmp_path).command("airflow", *arguments)

    assert 1 == completed.code
    assert completed.text.startswith("Error: ")
    assert "make airflow" in completed.text
    assert [] == list(tmp_path.iterdir())
