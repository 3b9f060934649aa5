"""The commands `dev`, `dashboard`, `airflow`, `up`, `down`, `env` and `source`.

What goes here: their options and help texts, which `make reference` copies. What stays out: what
they do (in `cli.stores`, `cli.airflow` and `coincap_server`).
"""

from pathlib import Path
from typing import Annotated

import typer

from cryptoassets.cli.terminal import console, print_for_program, print_for_shell


def dev(
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of Dagster's web page; 0 chooses a free one."),
    ] = 3000,
) -> None:
    """Start the services that are not running, then Dagster on http://localhost:3000.

    Dagster refuses requests from web pages from another origin.
    """
    from cryptoassets.cli.stores import run_dagster_dev

    raise typer.Exit(run_dagster_dev(console, port))


def dashboard(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the dashboard; 0 chooses a free one.")
    ] = 8501,
) -> None:
    """Start the services that are not running, then the dashboard on http://localhost:8501.

    Shows the market, each coin and the pipeline. Reads as the role analyst and
    refuses requests from web pages from another origin. Needs the extra dashboard.
    """
    from cryptoassets.cli.stores import run_dashboard

    raise typer.Exit(run_dashboard(console, port))


def airflow(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND", help="A command of Airflow with its options, e.g. `dags list`."
        ),
    ] = None,
) -> None:
    """Start Airflow 3 on http://localhost:8081, and Dagster; or run a COMMAND of this Airflow.

    Without a COMMAND, Airflow and Dagster run until Ctrl-C. In a checkout,
    `make airflow` sets Airflow up first, then does the same. With a COMMAND, runs
    Airflow's own program with the settings and the database of this Airflow.
    PostgreSQL is started if it is not running.
    """
    from cryptoassets.cli.airflow import become_airflow, run_until_stopped

    if command:
        become_airflow(command)
    run_until_stopped(console)


def up() -> None:
    """Start an embedded server for each store, and for the source, unless the settings name one.

    Prints the addresses of the embedded servers.
    """
    from cryptoassets.cli.stores import start

    start(console)


def down(
    *,
    erase: Annotated[
        bool, typer.Option("--erase", help="Also delete the data of the current source.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop the embedded stores and source; without --erase, all data is kept.

    With --erase, the data of the current source is deleted after a confirmation.
    """
    from cryptoassets.cli.stores import stop, what_is_erased

    if erase and not yes:
        typer.confirm(f"Delete {what_is_erased()}? It cannot be restored", abort=True)
    stop(console, erase=erase)


def env() -> None:
    """Print the current settings as KEY=value lines, secrets included; starts nothing.

    The address of an embedded server is printed only while the server is running.
    If one is stopped, the command exits with 3.
    """
    from cryptoassets.cli.stores import environment

    for line in environment():
        print_for_shell(line)


def source(
    replay: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder of recorded responses: assets.json, history_<slug>_<interval>.json, "
            "rates.json.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the server; 0 chooses a free one.")
    ] = 8800,
    *,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Keep the recorded timestamps of snapshots.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.")] = 1,
) -> None:
    """Serve a CoinCap-compatible API: with simulated prices, or recorded ones with --replay."""
    from cryptoassets.coincap_server.sources import run_source
    from cryptoassets.settings import load_settings

    if as_recorded and replay is None:
        raise typer.BadParameter("--as-recorded needs --replay")
    setting = load_settings().coincap_api_key
    key = setting.get_secret_value() if setting else None
    # The address is printed at once, because a script that started the source waits for it.
    run_source(port, replay, as_recorded, seed, key, announce=print_for_program)
