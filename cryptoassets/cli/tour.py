"""The command `tour`: its options, what it prints, and waiting for Enter.

What stays out: the steps (in `operations.tour`), and running their commands (in
`operations.tour_home`).
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.terminal import FAILED, UnwrappedConsole

if TYPE_CHECKING:
    from cryptoassets.operations.tour import Step


def tour(
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not wait for Enter between steps.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the tour's data, and print where it is.")
    ] = False,
) -> None:
    """Show in ten minutes how the platform works: prices, quarantine, repair, audit.

    Each step shows its commands, runs them and prints their output. The tour uses
    its own simulator and databases, even if a key or URLs are set, and removes them
    at the end. In a terminal, it waits for Enter before each step.
    """
    from cryptoassets.operations.tour import STEPS, take_tour
    from cryptoassets.operations.tour_home import open_tour_home

    # The guide's text is what the user asked for, so `--quiet` does not suppress it.
    screen = UnwrappedConsole(highlight=False)
    guide = ConsoleGuide(screen, waits=not yes and sys.stdin.isatty(), steps=len(STEPS))
    with open_tour_home(keeps=keep) as home:
        guide.welcome(str(home.folder), home.preparation())
        is_done = take_tour(guide, home.run)
    guide.farewell(str(home.folder) if keep else None, is_done=is_done)
    raise typer.Exit(0 if is_done else FAILED)


class ConsoleGuide:
    """Prints the steps; waits for Enter before each one."""

    def __init__(self, console: Console, *, waits: bool, steps: int) -> None:
        self._console = console
        self._waits = waits
        self._steps = steps

    def welcome(self, folder: str, preparation: str) -> None:
        """Print where the tour works, and how to repeat its commands."""
        self._console.print(
            f"[bold]A tour in {self._steps} steps.[/] It works with its own simulator and "
            f"databases in {escape(folder)}. Ctrl-C ends it and removes them.\n"
            "To repeat its commands in another terminal, first run this there:",
        )
        self.command(preparation)

    def begin(self, step: "Step", number: int) -> None:
        """Print the step's title and explanation, and wait for Enter."""
        self._console.print(f"\n[bold cyan]{number}/{self._steps} {escape(step.title)}[/]")
        self._console.print(escape(step.words))
        if self._waits:
            try:
                self._console.input("[dim]Enter runs this step, Ctrl-C ends the tour.[/] ")
            except EOFError:
                raise KeyboardInterrupt from None

    def command(self, text: str) -> None:
        """Print a command as a shell shows it."""
        for line in text.split("\n"):
            self._console.print(f"[bold]$ {escape(line)}[/]", soft_wrap=True)

    def failed_as_expected(self, code: int) -> None:
        """Print the exit code of a command that failed on purpose."""
        self._console.print(f"[bold]Exit code: {code}[/], as expected.")

    def unexpected(self, text: str, code: int) -> None:
        """Print which command ended unexpectedly."""
        self._console.print(
            f"[bold red]The tour ends here:[/] `{escape(text)}` ended with exit code {code}. "
            "`cryptoassets doctor` shows what this machine lacks.",
            soft_wrap=True,
        )

    def farewell(self, kept: str | None, *, is_done: bool) -> None:
        """Print where the data is if it is kept, and what to do next."""
        if kept:
            self._console.print(f"\nThe tour's data is kept in {escape(kept)}.", soft_wrap=True)
        if is_done:
            self._console.print(
                f"\n[bold green]That was the tour.[/] {'' if kept else 'Its data was removed. '}"
                "Your own platform starts with [bold]cryptoassets run[/]; then see "
                "[bold]cryptoassets dev[/], [bold]dashboard[/] and [bold]status[/]."
            )
