"""What `up`, `down`, `env`, `dev` and `dashboard` do: they control or show the embedded servers."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from cryptoassets.analysis.result import extra_module
from cryptoassets.embedded import (
    Stack,
    dagster_environment,
    dagster_instance,
    dagster_stack,
    not_running,
    processes,
    starting_nothing,
)
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.errors import AnalystLoginError, SettingsError, StoreNotRunningError
from cryptoassets.project import dagster_file
from cryptoassets.settings import Settings, load_settings

_SOURCE = "source"
"""Name of the only embedded server that is not a store."""
_DAGSTER_PORT, _LAST_PORT = 3000, 65535


def start(console: Console) -> None:
    """Start the servers that the settings do not name, and print the servers' addresses."""
    stack = dagster_stack(lambda sentence: console.print(f"  {sentence}."))
    with console.status("Starting the services that are not running"):
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
        console.print("The settings name every store and the source: nothing to start.")
    for server in servers:
        state = f"pid {server.pid}" if server.is_running else "not running"
        console.print(f"  {server.kind:<34} {server.url}  [dim]{state}[/]", soft_wrap=True)


def stop(console: Console, *, erase: bool) -> None:
    """Stop the embedded servers; with `erase`, also delete the data of the current source."""
    for sentence in Stack(load_settings()).down(erase=erase) or ["No embedded server was running"]:
        console.print(f"{sentence}.", soft_wrap=True)


def what_is_erased() -> str:
    """Describe what `down --erase` deletes."""
    settings = load_settings()
    stack = Stack(settings)
    folder = stack.source_home
    is_elsewhere = not Path(stack.clean_path()).resolve().is_relative_to(folder)
    kept = f" (CLEAN_PATH {settings.clean_path} is kept)" if is_elsewhere else ""
    return f"all data of source `{stack.source}` in {folder}{kept}"


def environment() -> Iterator[str]:
    """Yield the current settings as lines for a shell, including secrets.

    Raises:
        StoreNotRunningError: an embedded server is stopped; raised after all lines are yielded.
    """
    settings = load_settings()
    with starting_nothing():
        # Like `up`, this works even if the source does not answer.
        stack = dagster_stack()
        stopped = stack.stopped()
        values = _values(settings, stack, stopped)
    for name, value in values.items():
        yield f"{name}={shlex.quote(str(value))}"
    if stopped:
        raise not_running(list(stopped.values()), stack.home)


def _values(settings: Settings, stack: Stack, stopped: Collection[str]) -> dict[str, object]:
    key, hosts = settings.coincap_api_key, settings.cryptoassets_allowed_hosts
    days = settings.dagster_runs_retention_days
    # Empty means not set. Without these lines, a shell that evaluates the output would have both
    # a URL and its _FILE variable set, which the settings refuse.
    unset_files = {
        **({"MONGO_URL_FILE": ""} if settings.mongo_url_file else {}),
        **({"POSTGRES_URL_FILE": ""} if settings.postgres_url_file else {}),
        **({"ANALYST_URL_FILE": ""} if settings.analyst_url_file else {}),
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
        **_analyst_url(stack),
        **unset_files,
        "SPARK_MASTER": settings.spark_master,
        "CLEAN_PATH": stack.clean_path(),
        "CRYPTOASSETS_HOME": settings.home,
        **({"CRYPTOASSETS_ALLOWED_HOSTS": hosts} if hosts else {}),
        "CRYPTOASSETS_SINCE": settings.cryptoassets_since,
        "CRYPTOASSETS_CURRENCIES": settings.cryptoassets_currencies,
        "CRYPTOASSETS_RETENTION_DAYS": settings.cryptoassets_retention_days,
        "DAGSTER_RUNS_RETENTION_DAYS": int(days) if days.is_integer() else days,
    }


def _analyst_url(stack: Stack) -> dict[str, object]:
    try:
        return {"ANALYST_URL": stack.analyst_url()}
    except (AnalystLoginError, StoreNotRunningError):
        # Only commands that read need this login, and their errors explain how to create it.
        return {}


def _usable_port(port: int, command: str) -> int:
    """Return the port, or a free port instead of 0.

    Raises:
        SettingsError: the port is in use.
    """
    if port == 0:
        return processes.free_port()
    error = processes.bind_error(port)
    if error is not None:
        other = port - 1 if port == _LAST_PORT else port + 1
        raise SettingsError(
            f"Port {port} cannot be used ({error}). Stop the program that uses it, or choose "
            f"another port: cryptoassets {command} --port {other}"
        )
    return port


def run_dagster_dev(console: Console, port: int) -> int:
    """Run Dagster with everything it needs until it is stopped; return its exit code.

    Raises:
        SettingsError: the port is in use; checked before anything is started.
    """
    port = _usable_port(port, "dev")
    start(console)
    console.print(
        f"Starting Dagster (takes about 15 s): [bold]http://localhost:{port}[/]  "
        "(Ctrl-C stops Dagster, but not the stores)"
    )
    print_setting_for_links(console, port)
    variables = dagster_environment()
    workspace = dagster_file("workspace.yaml")
    return _run_until_stopped(
        ["cryptoassets.webserver.dev", str(port), str(workspace)],
        variables,
        variables["DAGSTER_HOME"],
    )


def print_setting_for_links(console: Console, port: int) -> None:
    """Print the setting that the dashboard and alerts need if Dagster has an unusual port."""
    settings, address = load_settings(), f"http://localhost:{port}"
    if port == _DAGSTER_PORT or settings.dagster_page == address:
        return
    others = [
        page
        for page in (settings.cryptoassets_pages or "").split()
        if not page.startswith("dagster=")
    ]
    value = shlex.quote(" ".join([f"dagster={address}", *others]))
    console.print(
        "The dashboard and alerts look for Dagster at "
        f"{escape(settings.dagster_page)}. To change this, set in .env or in the environment:\n"
        f"  CRYPTOASSETS_PAGES={escape(value)}",
        soft_wrap=True,
    )


def run_dashboard(console: Console, port: int) -> int:
    """Run the dashboard until it is stopped; return its exit code.

    Raises:
        ExtraMissingError: the extra is not installed; checked before anything is started.
        SettingsError: the port is in use; checked next.
    """
    for name in ("plotly", "streamlit"):
        extra_module(name, extra="dashboard")
    port = _usable_port(port, "dashboard")
    if load_settings().analyst_url is None:
        start(console)
    console.print(
        f"Dashboard: [bold]http://localhost:{port}[/]  (Ctrl-C stops it, but not the stores)"
    )
    # Streamlit reads hundreds of variables, so the user's STREAMLIT_ variables are removed.
    # `dashboard.server` sets those that matter.
    variables = {name: value for name, value in os.environ.items() if name[:10] != "STREAMLIT_"}
    return _run_until_stopped(["cryptoassets.dashboard", "--port", str(port)], variables)


def _run_until_stopped(
    module: list[str], variables: dict[str, str], folder: str | None = None
) -> int:
    """Run a module of this package as a process, until it ends or a signal stops it.

    Returns:
        The exit code of the process.
    """
    # A shell's background job ignores SIGINT, and a child process would inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", *module], env=variables, cwd=folder, start_new_session=True
    )

    def stop(_number: int, _frame: object) -> None:
        process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return process.wait()
