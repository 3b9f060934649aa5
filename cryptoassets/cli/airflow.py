"""`make airflow`: runs Airflow 3 together with Dagster until Ctrl-C.

It is not a command of `cryptoassets`, because it needs a separate environment, which make sets up.

What goes here: starting the programs in order, and messages about this. What stays out: Airflow's
settings (in `embedded.airflow_home`).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests
from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.terminal import print_on_any_stream
from cryptoassets.embedded import dagster_stack, processes
from cryptoassets.embedded.airflow_home import POOL, POOL_SLOTS, PROGRAMS, AirflowHome
from cryptoassets.embedded.processes import Program, Programs, kill_leftovers
from cryptoassets.errors import CryptoassetsError, EmbeddedError
from cryptoassets.settings import load_settings

PORT, DAGSTER_PORT = 8081, 3000
READY_SECONDS = 600.0
"""Longest wait for Airflow and for Dagster; on an idle machine, they start in half a minute."""
console = Console(highlight=False)


def main() -> None:
    """Start the services that are not running, print their addresses, and wait for Ctrl-C."""
    # As in `cli.entry`: only this user may read files in the home folder.
    os.umask(0o077)
    print_on_any_stream()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        run_airflow(console, port=PORT, dagster_port=DAGSTER_PORT)
    except CryptoassetsError as error:
        console.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print(
            "Stopped. The stores are still running; stop them with [bold]cryptoassets down[/]."
        )


def run_airflow(console: Console, *, port: int, dagster_port: int) -> None:
    """Run Airflow, and also Dagster unless a program already listens on its port."""
    stack = dagster_stack(lambda sentence: console.print(f"  {sentence}."))
    with console.status("Starting the services that are not running"):
        stack.up()
        folder = load_settings().home / "airflow"
        home = AirflowHome(folder, stack.postgres_url("airflow"), dagster_port, port)
    left = kill_leftovers("AIRFLOW_HOME", str(folder))
    if left:
        console.print(f"  Stopped processes of an earlier `make airflow` that was killed: {left}.")
    if processes.is_listening(port):
        raise EmbeddedError(f"Port {port} is used by another program. Stop it, then try again")
    home.prepare()
    prepare_database(console, home)
    programs = Programs(lambda sentence: console.print(f"  {sentence}", soft_wrap=True))
    try:
        _start(console, programs, home)
        while True:
            time.sleep(1)
            programs.watch()
    finally:
        with console.status("Stopping"):
            programs.stop()


def prepare_database(console: Console, home: AirflowHome) -> None:
    """Create or update Airflow's tables, and the pool that its tasks share."""
    slots = ["pools", "set", "--include-deferred", POOL, str(POOL_SLOTS), "Dagster's runs"]
    with console.status("Preparing Airflow's database: takes half a minute the first time"):
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
    environment, logs = home.environment(), home.folder / "logs"
    if processes.is_listening(home.dagster_port):
        console.print(f"  Using Dagster, which is already running on port {home.dagster_port}.")
    else:
        programs.start(dagster_program(home.dagster_port, logs))
    for name, arguments in PROGRAMS.items():
        command = home.program(*arguments)
        programs.start(Program(f"airflow {name}", command, environment, logs / f"{name}.log"))
    with console.status("Starting Airflow and Dagster: takes about half a minute"):
        dagster = f"http://localhost:{home.dagster_port}/server_info"
        _await(home.url + "/api/v2/monitor/health", "Airflow", logs / "api-server.log", programs)
        _await(dagster, "Dagster", logs / "dagster.log", programs)
    console.print(
        f"Airflow: [bold]{home.url}[/]  (user admin; password admin, or AIRFLOW_ADMIN_PASSWORD)\n"
        f"Dagster: [bold]http://localhost:{home.dagster_port}[/]\n"
        f"The DAGs are active. Logs: {logs}. Ctrl-C stops Airflow, and Dagster if this "
        "command started it.",
        soft_wrap=True,
    )


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


if __name__ == "__main__":
    main()
