"""`make airflow`: Airflow 3 beside Dagster, until Ctrl-C.

No verb of `cryptoassets`, as it needs an environment of its own, which make sets up.

What goes here: the order of the start and what is said meanwhile. What stays out: Airflow's
settings (in `embedded.airflow_home`).
"""

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
from cryptoassets.embedded.airflow_programs import Program, Programs, stop_leftovers
from cryptoassets.errors import CryptoassetsError, EmbeddedError
from cryptoassets.settings import load_settings

PORT, DAGSTER_PORT = 8081, 3000
READY_SECONDS = 180.0
console = Console(highlight=False)


def main() -> None:
    """Start what is missing, say where it is, wait for Ctrl-C."""
    # As in `cli.entry`: files of the home are our user's alone.
    os.umask(0o077)
    print_on_any_stream()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        run_airflow(console, port=PORT, dagster_port=DAGSTER_PORT)
    except CryptoassetsError as error:
        console.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Stopped; the stores stay. Stop them with [bold]cryptoassets down[/].")


def run_airflow(console: Console, *, port: int, dagster_port: int) -> None:
    """Run Airflow, and Dagster unless something answers on its port."""
    stack = dagster_stack(lambda sentence: console.print(f"  {sentence}."))
    with console.status("Starting the stores that are missing"):
        stack.up()
        folder = load_settings().home / "airflow"
        home = AirflowHome(folder, stack.postgres_url("airflow"), dagster_port, port)
    left = stop_leftovers("AIRFLOW_HOME", str(folder))
    if left:
        console.print(f"  Ended {left} processes of an earlier start that was killed.")
    if processes.is_listening(port):
        raise EmbeddedError(f"Port {port} is taken by another program. Stop it, then try again")
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
    """Make or upgrade Airflow's tables, and the pool that its tasks share."""
    slots = ["pools", "set", "--include-deferred", POOL, str(POOL_SLOTS), "Dagster's runs"]
    with console.status("Preparing Airflow's database: half a minute the first time"):
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
                    f"`airflow {' '.join(arguments)}` failed: {lines[-1] if lines else 'no word'}"
                )


def _start(console: Console, programs: Programs, home: AirflowHome) -> None:
    environment, logs = home.environment(), home.folder / "logs"
    if processes.is_listening(home.dagster_port):
        console.print(f"  Dagster answers on port {home.dagster_port} already: it is used.")
    else:
        programs.start(dagster_program(home.dagster_port, logs))
    for name, arguments in PROGRAMS.items():
        command = home.program(*arguments)
        programs.start(Program(f"airflow {name}", command, environment, logs / f"{name}.log"))
    with console.status("Starting Airflow and Dagster: about half a minute"):
        _await(home.url + "/api/v2/monitor/health", "Airflow", logs / "api-server.log")
        _await(f"http://localhost:{home.dagster_port}/server_info", "Dagster", logs / "dagster.log")
    console.print(
        f"Airflow: [bold]{home.url}[/]  (user admin; password admin, or AIRFLOW_ADMIN_PASSWORD)\n"
        f"Dagster: [bold]http://localhost:{home.dagster_port}[/]\n"
        f"The DAGs are on. Logs: {logs}. Ctrl-C stops Airflow and the Dagster started here.",
        soft_wrap=True,
    )


def dagster_program(port: int, logs: Path) -> Program:
    """Return `cryptoassets dev` as a program to be watched."""
    command = [sys.executable, "-m", "cryptoassets.cli", "dev", "--port", str(port)]
    return Program("cryptoassets dev", command, os.environ, logs / "dagster.log", signal.SIGINT)


def _await(url: str, name: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    session = requests.Session()
    session.trust_env = False  # a proxy cannot reach our own loopback
    while time.monotonic() < deadline:
        try:
            if session.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise EmbeddedError(f"{name} did not answer within {READY_SECONDS:.0f} s. Its log: {log}")


if __name__ == "__main__":
    main()
