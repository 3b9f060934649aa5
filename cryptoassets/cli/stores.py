"""The commands `up`, `down`, `env` and `dev`: the embedded stack by hand."""

import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from rich.console import Console

from cryptoassets.embedded import (
    Stack,
    dagster_environment,
    dagster_instance,
    dagster_stack,
    not_running,
    starting_nothing,
)
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.errors import SettingsError
from cryptoassets.settings import Settings, load_settings, project_root

_SOURCE = "source"
"""Name of the server that is no store: reading needs none."""


def start(console: Console) -> None:
    """Start what the settings do not name, and print where it is."""
    stack = dagster_stack(lambda sentence: console.print(f"  {sentence}."))
    with console.status("Starting what is missing"):
        stack.up()
        with dagster_instance() as instance:
            dead = fail_dead_runs(instance)
    for run_id in dead:
        console.print(f"  Marked run {run_id} as failed: its process is gone.")
    _print_servers(console, stack)
    console.print(
        "Addresses with passwords: [bold]cryptoassets env[/]. Stop: [bold]cryptoassets down[/]"
    )


def _print_servers(console: Console, stack: Stack) -> None:
    servers = stack.servers()
    console.print(f"  Home: {stack.home}", soft_wrap=True)
    if not servers:
        console.print("Every store and the source are named in the settings: nothing to start.")
    for server in servers:
        state = f"pid {server.pid}" if server.is_running else "not running"
        console.print(f"  {server.kind:<34} {server.url}  [dim]{state}[/]", soft_wrap=True)


def stop(console: Console, *, erase: bool) -> None:
    """Stop the embedded servers; with `erase` also delete the data of the set in force."""
    for sentence in Stack(load_settings()).down(erase=erase) or ["No embedded server was running"]:
        console.print(f"{sentence}.", soft_wrap=True)


def what_is_erased() -> str:
    """What `down --erase` deletes, in words."""
    settings = load_settings()
    stack = Stack(settings)
    folder = stack.set_home
    is_elsewhere = not Path(stack.clean_path()).resolve().is_relative_to(folder)
    kept = f" (CLEAN_PATH {settings.clean_path} is yours and stays)" if is_elsewhere else ""
    return f"all data of source `{stack.source}` in {folder}{kept}"


def environment() -> Iterator[str]:
    """The settings in force as shell lines, secrets included.

    Raises:
        StoreNotRunningError: an embedded server is stopped; after the lines of what runs.
    """
    settings = load_settings()
    with starting_nothing():
        # The same stack as `up` has, which starts although the source does not answer.
        stack = dagster_stack()
        stopped = stack.stopped()
        values = _values(settings, stack, stopped)
    for name, value in values.items():
        yield f"{name}={shlex.quote(str(value))}"
    if stopped:
        raise not_running(list(stopped.values()), stack.home)


def _values(settings: Settings, stack: Stack, stopped: Collection[str]) -> dict[str, object]:
    key, hosts = settings.coincap_api_key, settings.cryptoassets_allowed_hosts
    # Empty means not set: a shell that evaluates these lines would have both variables otherwise.
    unset_files = {
        **({"MONGO_URL_FILE": ""} if settings.mongo_url_file else {}),
        **({"POSTGRES_URL_FILE": ""} if settings.postgres_url_file else {}),
    }
    return {
        **({} if _SOURCE in stopped else {"COINCAP_URL": stack.source_url()}),
        **({"COINCAP_API_KEY": key.get_secret_value()} if key else {}),
        "COINCAP_COINS": settings.coincap_coins,
        "COINCAP_HISTORY_INTERVAL": settings.coincap_history_interval,
        "COINCAP_MONTHLY_CREDITS": settings.coincap_monthly_credits,
        **({} if "mongo" in stopped else {"MONGO_URL": stack.mongo_url()}),
        "MONGO_DATABASE": settings.mongo_database,
        **({} if "postgres" in stopped else {"POSTGRES_URL": stack.postgres_url()}),
        **unset_files,
        "SPARK_MASTER": settings.spark_master,
        "CLEAN_PATH": stack.clean_path(),
        "CRYPTOASSETS_HOME": settings.home,
        **({"CRYPTOASSETS_ALLOWED_HOSTS": hosts} if hosts else {}),
        "CRYPTOASSETS_RETENTION_DAYS": settings.cryptoassets_retention_days,
        "DAGSTER_RUNS_RETENTION_DAYS": settings.dagster_runs_retention_days,
    }


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} cannot be used ({error.strerror}). End what listens there, or choose "
                "another: cryptoassets dev --port 3001"
            ) from error


def run_dagster_dev(console: Console, port: int) -> int:
    """Run Dagster with everything it needs until it is stopped; return its exit code.

    Raises:
        SettingsError: the port is taken; checked before anything is started.
    """
    _refuse_taken(port)
    start(console)
    console.print(f"Dagster: [bold]http://localhost:{port}[/]  (Ctrl-C stops it, the stores stay)")
    variables = dagster_environment()
    workspace = project_root() / "workspace.yaml"
    # In a background shell SIGINT is ignored, and a child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "cryptoassets.webserver.dev", str(port), str(workspace)],
        env=variables,
        cwd=variables["DAGSTER_HOME"],
        start_new_session=True,
    )

    def stop(_number: int, _frame: object) -> None:
        process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return process.wait()
