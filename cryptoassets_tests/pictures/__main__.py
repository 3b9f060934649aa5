"""Fills a fresh platform, then takes the screenshots for the documentation: `make pictures`.

What goes here: preparing the platform, and the order of the pictures. What stays out: the pages
(in `pages`).
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptoassets.embedded.processes import free_port
from cryptoassets.project import project_root
from cryptoassets_tests.dashboard.browser import CHROMIUM, browser
from cryptoassets_tests.e2e.homes import COMMAND, Home, user_environment
from cryptoassets_tests.e2e.platforms import put_faults, this_hour
from cryptoassets_tests.pictures.compose import take_compose
from cryptoassets_tests.pictures.pages import Album
from cryptoassets_tests.web import serving

_DAYS, _SNAPSHOTS = 90, 6
_HISTORY = {"COINCAP_HISTORY_INTERVAL": "h6"}


def main() -> None:
    """Take the pictures; leave out the pages of docker-compose if it is not running."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=project_root() / "docs" / "images")
    chosen = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("No browser: install chromium, e.g. `apt-get install chromium`")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as started:
        home = Home(Path(temporary) / "home")
        home.folder.mkdir()
        started.callback(home.command, "down")
        hour = _fill(home)
        dagster = started.enter_context(_page(home, "dev", "/server_info"))
        dashboard = started.enter_context(_page(home, "dashboard", "/_stcore/health"))
        tab = started.enter_context(browser(Path(temporary) / "browser"))
        album = Album(tab, chosen.out)
        print("Taking pictures of Dagster and the dashboard", flush=True)
        album.dagster(dagster, hour)
        album.dashboard(dashboard)
        for name in take_compose(album):
            print(f"{name} was not retaken: docker-compose is not running")
    print(f"The pictures are in {chosen.out}")


def _fill(home: Home) -> str:
    """Load history and snapshots, the last one incomplete; return the first snapshot's hour."""
    since = (datetime.now(UTC) - timedelta(days=_DAYS)).date()
    print(f"Loading history since {since}: takes some minutes", flush=True)
    _run_command(home, "backfill", "--from", str(since))
    hour = this_hour()
    for number in range(_SNAPSHOTS):
        print(f"Snapshot {number + 1} of {_SNAPSHOTS}", flush=True)
        _run_command(home, "run")
    put_faults(
        home.settings["COINCAP_URL"].removesuffix("/v3"),
        {"route": "/assets", "kind": "cut", "coins": 30, "times": 1},
    )
    subprocess.run([COMMAND, "run"], env=_environment(home), check=False)
    return hour


def _run_command(home: Home, *arguments: str) -> None:
    subprocess.run([COMMAND, *arguments], env=_environment(home), check=True)


def _environment(home: Home) -> dict[str, str]:
    named = user_environment() | {"CRYPTOASSETS_HOME": str(home.folder)} | _HISTORY
    # Tests set this variable, because they use data from earlier years. A newcomer does not set it.
    del named["CRYPTOASSETS_SINCE"]
    return named


@contextmanager
def _page(home: Home, command: str, health: str) -> Iterator[str]:
    """Run a command that serves a page until the block ends; yield the page's address."""
    port = free_port()
    address = f"http://localhost:{port}"
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    words = [COMMAND, command, "--port", str(port)]
    with serving(words, address + health, _environment(home), **silent):
        yield address


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
