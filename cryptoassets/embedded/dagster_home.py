"""Dagster's instance for commands and tests: always the root's `dagster.yaml`.

What goes here: loading it, where it keeps its runs, and the environment for `dagster` as a
subprocess. What stays out: the classes that the file names (in `dagster_storage`).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from cryptoassets.embedded.server import Report
from cryptoassets.embedded.stack import Stack
from cryptoassets.environment import without_dagster_variables
from cryptoassets.errors import EmbeddedError, SettingsError, SourceUnavailableError
from cryptoassets.settings import SourceKind, load_settings, project_root

if TYPE_CHECKING:
    from dagster import DagsterInstance

INSTANCE_FILE = "dagster.yaml"
_STORAGE = "cryptoassets.embedded.dagster_storage"
"""What that file names, and no other project's does."""

_NO_LIMIT = 0
_POOL_SECONDS = 3600
_MOST_BESIDE = 20
"""Connections beside the one that each storage keeps, for threads."""


def dagster_instance() -> "DagsterInstance":
    """Open the instance, whatever the current folder is; the caller closes it (`with`)."""
    from dagster import DagsterInstance  # noqa: PLC0415 -- seconds of imports

    home = _named_home() or _instance_file().parent
    instance = DagsterInstance.from_config(str(home))
    # Else each of the hundred events of a run logs in to PostgreSQL anew: 2 s of a cycle's 6.
    instance.optimize_for_webserver(
        statement_timeout=_NO_LIMIT, pool_recycle=_POOL_SECONDS, max_overflow=_MOST_BESIDE
    )
    return instance


def dagster_stack(report: Report | None = None) -> Stack:
    """Return the stack whose stores hold Dagster's own runs and files; the source may be away.

    Where the server at COINCAP_URL alone knows whose data it serves and has never answered, the
    embedded stores of CoinCap are used. A process below `cryptoassets dev` keeps to the stores that
    `dev` began with: the source may answer meanwhile, and runs are looked for where they were made.
    """
    settings = load_settings()
    are_stores_named = settings.postgres_url is not None and settings.mongo_url is not None
    if are_stores_named or settings.known_source is not None:
        return Stack(settings, report)
    dagster_home = os.environ.get("DAGSTER_HOME")
    for kind in get_args(SourceKind):
        begun = Stack(settings, report, source=kind)
        if dagster_home == str(begun.set_home / "dagster"):
            return begun
    stack = Stack(settings, report)
    try:
        _ = stack.source
    except SourceUnavailableError:
        if report:
            report("COINCAP_URL does not answer: Dagster starts, and fetches fail until it does")
        return Stack(settings, report, source="coincap")
    return stack


def dagster_environment() -> dict[str, str]:
    """Return the environment for a `dagster` subprocess, with a DAGSTER_HOME of ours.

    Without one `dagster dev` makes a temporary folder and says that nothing will be kept, which is
    not so here. Start it in that folder, with `-w` and the root's `workspace.yaml`: in the root it
    would warn that the `dagster.yaml` there is not used, though it is the same file.
    """
    home = _named_home()
    if home is None:
        home = dagster_stack().dagster_home
        _link(home / INSTANCE_FILE, _instance_file())
    named = {"DAGSTER_DISABLE_TELEMETRY": "1", "DAGSTER_HOME": str(home)}
    return without_dagster_variables() | named


def _named_home() -> Path | None:
    """The folder that DAGSTER_HOME names, if it holds our `dagster.yaml`, as it does in compose.

    Any other belongs to another project; our runs must not be stored in its history.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or "")
    try:
        is_ours = home.is_absolute() and _STORAGE in (home / INSTANCE_FILE).read_text()
    except (OSError, ValueError):
        return None
    return home if is_ours else None


def _instance_file() -> Path:
    file = project_root() / INSTANCE_FILE
    if not file.is_file():
        raise SettingsError(
            f"{file} is missing, and Dagster would keep its runs in SQLite. Work in the project's "
            "folder, or set DAGSTER_HOME to the absolute path of a folder with a copy of that file"
        )
    return file


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    aside = link.with_suffix(f".{os.getpid()}")
    try:
        aside.symlink_to(target)
        # In one step: five commands may do this at once.
        aside.replace(link)
    except OSError as error:
        raise EmbeddedError(
            f"{link} cannot be written ({error.strerror}). Free some space or mend the "
            "permissions, or set CRYPTOASSETS_HOME to a folder that can be written"
        ) from error
