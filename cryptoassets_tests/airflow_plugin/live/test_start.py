"""`cryptoassets airflow`: started twice, killed, started again, and given an Airflow command."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import psycopg
import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.airflow_home import PROGRAMS
from cryptoassets.embedded.processes import free_port
from cryptoassets.settings import Settings
from cryptoassets_tests.airflow_plugin.live.airflow import until
from cryptoassets_tests.e2e.homes import COMMAND
from cryptoassets_tests.web import answers

pytestmark = pytest.mark.timeout(900)
HOURLY = "process_cryptoassets_hourly"
# The command itself has no options for its ports, and other programs may use the default ports.
START = """
import sys
from cryptoassets.cli.airflow import run_until_stopped
from cryptoassets.cli.terminal import console
from cryptoassets.errors import CryptoassetsError
try:
    run_until_stopped(console, port=int(sys.argv[1]), dagster_port=int(sys.argv[2]))
except CryptoassetsError as error:
    sys.exit(f"Error: {error}")
"""


class EmptyPage(BaseHTTPRequestHandler):
    """Pretends to be a Dagster that is ready."""

    def do_GET(self) -> None:
        """Answer with an empty page."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@dataclass(frozen=True)
class Starter:
    """Starts Airflow in its own home, with its own PostgreSQL, on a free port."""

    home: Path
    port: int
    dagster_port: int

    def start(self) -> "subprocess.Popen[bytes]":
        """Start Airflow as `make airflow` does, without a terminal."""
        with (self.home / "output").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-c", START, str(self.port), str(self.dagster_port)],
                stdout=output,
                stderr=output,
                env=self.environment,
            )

    def command(self, *arguments: str) -> str:
        """Run `cryptoassets airflow` with arguments; return its output."""
        return subprocess.run(
            [COMMAND, "airflow", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the command."""
        return os.environ | {"CRYPTOASSETS_HOME": str(self.home)}

    @property
    def output(self) -> str:
        """The output of the command that was started last."""
        return (self.home / "output").read_text()

    @property
    def is_answering(self) -> bool:
        """Whether Airflow's API server answers its health check."""
        return answers(f"http://127.0.0.1:{self.port}/api/v2/monitor/health")

    def await_scheduler(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until the scheduler is started."""

        def is_started() -> bool:
            assert process.poll() is None, self.output
            return any("scheduler" in one.cmdline() for one in airflow_processes(process))

        until(is_started, 400)


def airflow_processes(starter: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Return Airflow's processes; the starter's other children are stores, which keep running."""
    family = psutil.Process(starter.pid).children(recursive=True)
    return [one for one in family if is_airflow(one)]


def programs(starter: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Return the processes that the starter itself has started; they run as long as it does."""
    return [one for one in airflow_processes(starter) if one.ppid() == starter.pid]


def is_airflow(process: psutil.Process) -> bool:
    """Return whether a process runs Airflow; some replace their command line with a title."""
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return ".venv-airflow3" in line or line.startswith("airflow ")


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    """Airflow's starter; at the end, its stores are deleted."""
    # PostgreSQL's account must be able to enter the folder, as with `session_home`.
    home = Path(tempfile.mkdtemp(prefix="cryptoassets-tests-", dir="/var/tmp"))
    home.chmod(0o755)
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Starter(home, free_port(), server.server_port)
    Stack(Settings(_env_file=None, cryptoassets_home=home)).down(erase=True)
    server.shutdown()
    server.server_close()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def first(starter: Starter) -> Iterator["subprocess.Popen[bytes]"]:
    """A running Airflow."""
    process = starter.start()
    starter.await_scheduler(process)
    yield process
    process.terminate()
    process.wait(60)


def test_the_scheduler_starts_when_the_api_server_answers(
    starter: Starter, first: "subprocess.Popen[bytes]"
) -> None:
    """If it started earlier, the first tasks would time out.

    Without a terminal, each step is a printed line.
    """
    assert starter.is_answering
    assert first.poll() is None
    steps = ("Preparing Airflow's database", "Starting Airflow and Dagster: takes about a minute")
    assert [] == [step for step in steps if f"  {step}" not in starter.output]


def test_a_second_start_leaves_a_running_airflow_alone(
    starter: Starter, first: "subprocess.Popen[bytes]"
) -> None:
    """A user who forgot the first terminal must not lose the running tasks."""
    before = programs(first)

    second = starter.start()

    assert 1 == second.wait(60)
    assert f"Airflow already runs at http://localhost:{starter.port}" in starter.output
    assert first.poll() is None
    assert len(PROGRAMS) == len(before)
    assert before == programs(first)


@pytest.mark.usefixtures("first")
def test_the_documented_command_creates_a_backfill(starter: Starter) -> None:
    """Plain `airflow` would use SQLite in ~/airflow."""
    dates = ["--from-date", "2026-11-27T08:00", "--to-date", "2026-11-27T11:00"]
    url = Stack(Settings(_env_file=None, cryptoassets_home=starter.home)).postgres_url("airflow")
    with psycopg.connect(url, autocommit=True) as database:
        known = "SELECT 1 FROM serialized_dag WHERE dag_id = %s"
        until(lambda: database.execute(known, [HOURLY]).fetchone(), 120)

        starter.command("backfill", "create", "--dag-id", HOURLY, *dates)

        backfills = database.execute("SELECT dag_id FROM backfill").fetchall()
    assert [(HOURLY,)] == backfills


@pytest.mark.long
def test_airflow_starts_again_after_its_starter_was_killed(
    starter: Starter, first: "subprocess.Popen[bytes]"
) -> None:
    """Airflow's processes overwrite their environment, so it cannot identify them."""
    left = airflow_processes(first)
    first.kill()
    first.wait()

    again = starter.start()
    try:
        starter.await_scheduler(again)
        assert "Stopped processes of an earlier Airflow that was killed" in starter.output
        assert [] == [process for process in left if process.is_running()]
        assert starter.is_answering
    finally:
        again.terminate()
        again.wait(60)
