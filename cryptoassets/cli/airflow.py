"""What the command `airflow` does: it runs Airflow 3 and Dagster, or one command of Airflow.

What goes here: starting the programs in order, and messages about this. What stays out: Airflow's
settings (in `embedded.airflow_home`), its separate environment (`make airflow3` sets it up).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import requests
from filelock import FileLock, Timeout
from rich.console import Console

from cryptoassets.cli.terminal import errors
from cryptoassets.embedded import dagster_stack, processes
from cryptoassets.embedded.airflow_home import POOL, POOL_SLOTS, PROGRAMS, SCHEDULER, AirflowHome
from cryptoassets.embedded.processes import Program, Programs, kill_leftovers
from cryptoassets.errors import EmbeddedError
from cryptoassets.settings import load_settings

PORT, DAGSTER_PORT = 8081, 3000
READY_SECONDS = 600.0
"""Longest wait for Airflow and for Dagster; on an idle machine, they start in about a minute."""


def run_until_stopped(
    console: Console, *, port: int = PORT, dagster_port: int = DAGSTER_PORT
) -> None:
    """Start the services that are not running, print their addresses, and wait for Ctrl-C.

    Raises:
        EmbeddedError: Airflow already runs, its port is in use, or a program did not start.
    """
    # A shell's background job ignores SIGINT. SIGHUP is sent when the terminal is closed.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        run_airflow(console, port=port, dagster_port=dagster_port)
    except KeyboardInterrupt:
        console.print(
            "Stopped. The stores are still running; stop them with [bold]cryptoassets down[/]."
        )


def run_airflow(console: Console, *, port: int, dagster_port: int) -> None:
    """Run Airflow, and also Dagster unless a program already listens on its port."""
    folder = load_settings().home / "airflow"
    with _only_instance(folder, f"http://localhost:{port}"):
        stack = dagster_stack(lambda sentence: console.print(f"  {sentence}."))
        with _step(console, "Starting the services that are not running"):
            stack.up()
            home = AirflowHome(folder, stack.postgres_url("airflow"), dagster_port, port)
        left = kill_leftovers(home.logs.values())
        if left:
            console.print(f"  Stopped processes of an earlier Airflow that was killed: {left}.")
        _fail_if_port_is_used(port)
        home.prepare()
        prepare_database(console, home)
        programs = Programs(lambda sentence: console.print(f"  {sentence}", soft_wrap=True))
        try:
            _start(console, programs, home)
            while True:
                time.sleep(1)
                programs.watch()
        finally:
            with _step(console, "Stopping"):
                programs.stop()


@contextlib.contextmanager
def _only_instance(folder: Path, url: str) -> Iterator[None]:
    """Hold a lock, which the system releases if this process is killed.

    Raises:
        EmbeddedError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / "running.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise EmbeddedError(
            f"Airflow already runs at {url}. To restart it, stop it with Ctrl-C where it was "
            "started, then try again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _fail_if_port_is_used(port: int) -> None:
    if not processes.is_listening(port):
        return
    process, who = processes.listener(port), "in Docker or of another user"
    with contextlib.suppress(psutil.Error):
        who = f"pid {process.pid}, {process.name()}" if process else who
    raise EmbeddedError(f"Port {port} is used by another program ({who}). Stop it, then try again")


@contextlib.contextmanager
def _step(console: Console, activity: str) -> Iterator[None]:
    """Show the activity until the block ends; without a terminal, print it as a line."""
    if console.is_terminal:
        with console.status(activity):
            yield
    else:
        console.print(f"  {activity} ...")
        yield


def prepare_database(console: Console, home: AirflowHome) -> None:
    """Create or update Airflow's tables, and the pool that its tasks share."""
    slots = ["pools", "set", "--include-deferred", POOL, str(POOL_SLOTS), "Dagster's runs"]
    with _step(console, "Preparing Airflow's database: takes about a minute the first time"):
        for arguments in (["db", "migrate"], slots):
            done = subprocess.run(
                home.program(*arguments),
                env=home.environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                lines = (done.stderr or done.stdout).strip().splitlines()
                raise EmbeddedError(
                    f"`airflow {' '.join(arguments)}` failed: {lines[-1] if lines else 'no output'}"
                )


def _start(console: Console, programs: Programs, home: AirflowHome) -> None:
    logs = home.folder / "logs"
    if processes.is_listening(home.dagster_port):
        console.print(f"  Using Dagster, which is already running on port {home.dagster_port}.")
    else:
        programs.start(dagster_program(home.dagster_port, logs))
    started = {name: _program(home, name) for name in PROGRAMS}
    # The scheduler starts last: its first tasks would time out if the API server or Dagster were
    # still starting.
    scheduler = started.pop(SCHEDULER)
    for program in started.values():
        programs.start(program)
    with _step(console, "Starting Airflow and Dagster: takes about a minute"):
        dagster = f"http://localhost:{home.dagster_port}/server_info"
        for path in ("/api/v2/monitor/health", "/execution/health"):
            _await(home.url + path, "Airflow", home.logs["api-server"], programs)
        _await(dagster, "Dagster", logs / "dagster.log", programs)
    programs.start(scheduler)
    console.print(
        f"Airflow: [bold]{home.url}[/]  (user admin; password admin, or AIRFLOW_ADMIN_PASSWORD)\n"
        f"Dagster: [bold]http://localhost:{home.dagster_port}[/]\n"
        f"The DAGs are active. Logs: {logs}. Ctrl-C stops Airflow, and Dagster if this "
        "command started it.",
        soft_wrap=True,
    )


def _program(home: AirflowHome, name: str) -> Program:
    command = home.program(*PROGRAMS[name])
    return Program(f"airflow {name}", command, home.environment(), home.logs[name])


def dagster_program(port: int, logs: Path) -> Program:
    """Return `cryptoassets dev` as a program to watch."""
    command = [sys.executable, "-m", "cryptoassets.cli", "dev", "--port", str(port)]
    return Program("cryptoassets dev", command, os.environ, logs / "dagster.log", signal.SIGINT)


def _await(url: str, name: str, log: Path, programs: Programs) -> None:
    deadline = time.monotonic() + READY_SECONDS
    session = requests.Session()
    session.trust_env = False  # a proxy cannot reach this machine's loopback
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if session.get(url, timeout=30).ok:
                return
        time.sleep(0.5)
        programs.watch()
    raise EmbeddedError(f"{name} did not answer within {READY_SECONDS:.0f} s. Its log: {log}")


def become_airflow(arguments: Sequence[str]) -> None:
    """Replace this process with a command of the Airflow that `make airflow` runs.

    Raises:
        EmbeddedError: Airflow is not set up, or was never started.
    """
    folder = load_settings().home / "airflow"
    # Messages go to stderr, because a script may parse the command's output.
    stack = dagster_stack(lambda sentence: errors.print(f"  {sentence}."))
    home = AirflowHome(folder, "", DAGSTER_PORT, PORT)
    command = home.program(*arguments)
    if not home.is_prepared:
        raise EmbeddedError(f"Airflow has no database in {folder} yet. Start it: make airflow")
    home = replace(home, database_url=stack.postgres_url("airflow"))
    os.execve(command[0], command, home.environment())  # noqa: S606 - our own program
