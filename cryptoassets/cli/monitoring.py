"""The commands `alerts test` and `metrics`.

What goes here: their options and help texts, which `make reference` copies. What stays out: what
they do (in `operations.alerts` and `monitoring.metrics_server`).
"""

from typing import Annotated

import typer
from rich.markup import escape

from cryptoassets.cli.terminal import FAILED, console, for_attention, print_for_program

_ALERTS = "Alerts to the addresses in CRYPTOASSETS_ALERT_URLS."
alerts = typer.Typer(name="alerts", help=_ALERTS, short_help=_ALERTS, no_args_is_help=True)


@alerts.callback()
def group() -> None:
    """Alerts to the addresses in CRYPTOASSETS_ALERT_URLS."""


@alerts.command("test")
def alerts_test() -> None:
    """Send a test message to every address in CRYPTOASSETS_ALERT_URLS.

    Needs the extra `alerts`. Exits with 1 if a message could not be delivered.
    Addresses contain secrets, so only their numbers and schemes are shown.
    """
    from cryptoassets.operations.alerts import send_test_messages

    deliveries = send_test_messages()
    for one in deliveries:
        mark = "[red]✗[/]" if one.problem else "[green]✓[/]"
        words = one.problem or "delivered"
        shown = for_attention(console) if one.problem else console
        shown.print(f"{mark} {escape(one.address)}: {escape(words)}", soft_wrap=True)
    raise typer.Exit(FAILED if any(one.problem for one in deliveries) else 0)


def metrics(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the server; 0 chooses a free port.")
    ] = 9464,
    host: Annotated[
        str, typer.Option(help="Address to listen on; there is no log-in.")
    ] = "127.0.0.1",
) -> None:
    """Serve metrics for Prometheus on http://localhost:9464/metrics until Ctrl-C.

    Reads PostgreSQL as the role analyst. Starts no store: while PostgreSQL is
    stopped, the page shows `cryptoassets_up 0`.
    """
    from cryptoassets.monitoring.metrics_server import serve

    serve(host, port, announce=print_for_program)
