"""Dagster's instance for commands and tests; it is always configured by our `dagster.yaml`.

What goes here: opening the instance, finding where it keeps its runs, and the environment for a
`dagster` subprocess. What stays out: the classes that this file names (in `dagster_storage`).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from cryptoassets.embedded.server import Report
from cryptoassets.embedded.stack import Stack
from cryptoassets.environment import without_dagster_variables
from cryptoassets.errors import EmbeddedError, SettingsError, SourceUnavailableError
from cryptoassets.project import dagster_file
from cryptoassets.settings import SourceKind, load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

INSTANCE_FILE = "dagster.yaml"
_STORAGE = "cryptoassets.embedded.dagster_storage"
"""Our `dagster.yaml` names this module; no other project's does."""

_NO_LIMIT = 0
_POOL_SECONDS = 3600
_MAX_OVERFLOW = 20
"""Connections for threads, in addition to the one that each storage keeps."""


def dagster_instance() -> "DagsterInstance":
    """Open the instance, whatever the current folder is; the caller closes it (`with`)."""
    from dagster import DagsterInstance  # noqa: PLC0415 -- seconds of imports

    home = _named_home() or _instance_file().parent
    instance = DagsterInstance.from_config(str(home))
    # Without a pool, Dagster logs in to PostgreSQL for each of the 100 events of a run, which takes
    # 2 of the 6 seconds of a cycle.
    instance.optimize_for_webserver(
        statement_timeout=_NO_LIMIT, pool_recycle=_POOL_SECONDS, max_overflow=_MAX_OVERFLOW
    )
    return instance


def dagster_stack(report: Report | None = None) -> Stack:
    """Return the stack whose stores hold Dagster's own runs and files; the source may be down.

    If only the server at COINCAP_URL knows which source it serves, and that server has never
    answered, CoinCap's embedded stores are used. A subprocess of `cryptoassets dev` keeps using the
    stores that `dev` started with, even if the source has answered since then, because Dagster's
    runs are stored there.
    """
    settings = load_settings()
    are_stores_named = settings.postgres_url is not None and settings.mongo_url is not None
    if are_stores_named or settings.known_source is not None:
        return Stack(settings, report)
    dagster_home = os.environ.get("DAGSTER_HOME")
    for kind in get_args(SourceKind):
        stack_of_kind = Stack(settings, report, source=kind)
        if dagster_home == str(stack_of_kind.source_home / "dagster"):
            return stack_of_kind
    stack = Stack(settings, report)
    try:
        _ = stack.source
    except SourceUnavailableError:
        if report:
            report(
                "COINCAP_URL does not answer: Dagster starts, but fetching fails until the source "
                "answers"
            )
        return Stack(settings, report, source="coincap")
    return stack


def dagster_environment() -> dict[str, str]:
    """Return the environment for a `dagster` subprocess, with our own DAGSTER_HOME.

    Without DAGSTER_HOME, `dagster dev` creates a temporary folder and warns that nothing will be
    kept, which is wrong here. Start the subprocess in DAGSTER_HOME, with `-w` and the project's
    `workspace.yaml`. In the project's root, Dagster would warn that the `dagster.yaml` there is not
    used, although DAGSTER_HOME links to that file.
    """
    home = _named_home()
    if home is None:
        home = dagster_stack().dagster_home
        _link(home / INSTANCE_FILE, _instance_file())
    named = {"DAGSTER_DISABLE_TELEMETRY": "1", "DAGSTER_HOME": str(home)}
    return without_dagster_variables() | named


def _named_home() -> Path | None:
    """The folder in DAGSTER_HOME if it holds our `dagster.yaml` (as in Docker Compose); else None.

    Any other folder belongs to another project, whose history must not contain our runs.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or "")
    try:
        is_project_file = home.is_absolute() and _STORAGE in (home / INSTANCE_FILE).read_text()
    except (OSError, ValueError):
        return None
    return home if is_project_file else None


def _instance_file() -> Path:
    file = dagster_file(INSTANCE_FILE)
    if not file.is_file():
        raise SettingsError(
            f"{file} is missing, and Dagster would keep its runs in SQLite. Install cryptoassets "
            "again, or set DAGSTER_HOME to the absolute path of a folder with a copy of that file"
        )
    return file


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    temporary = link.with_suffix(f".{os.getpid()}")
    try:
        temporary.symlink_to(target)
        # Atomic, because several commands may do this at once.
        temporary.replace(link)
    except OSError as error:
        raise EmbeddedError(
            f"{link} cannot be written ({error.strerror}). Free some space or fix the "
            "permissions, or set CRYPTOASSETS_HOME to a writable folder"
        ) from error
