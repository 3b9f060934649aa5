"""Where the project's own files are: the checkout, `.env`, Dagster's files, and the home.

What goes here: finding them. What stays out: what `.env` sets (in `settings`), and what is in the
home (in `embedded`).
"""

import os
from pathlib import Path

from platformdirs import user_data_path

_PACKAGE = Path(__file__).resolve().parent
HOME = Path(".cryptoassets")
"""Default of CRYPTOASSETS_HOME."""
ENV_FILE = ".env"


def checkout() -> Path | None:
    """Return the checkout that contains this package; None if it was installed from a wheel."""
    return _PACKAGE.parent if (_PACKAGE.parent / "dagster.yaml").is_file() else None


def project_root() -> Path:
    """Return the folder of `.env` and of relative paths in settings.

    It is the checkout. For an installed package it is the nearest folder that contains
    `.cryptoassets`, from the current folder upwards; else the current folder.
    """
    here = Path.cwd()
    return checkout() or _folder_with_home(here) or here


def settings_file() -> Path:
    """Return the file `.env` in CRYPTOASSETS_HOME if that variable names a folder with one.

    Otherwise return the project's, which need not exist.
    """
    named = os.environ.get("CRYPTOASSETS_HOME")
    own = project_root() / Path(named).expanduser() / ENV_FILE if named else None
    return own if own and own.is_file() else project_root() / ENV_FILE


def dagster_file(name: str) -> Path:
    """Return the path of `dagster.yaml` or `workspace.yaml`: the checkout's, or the wheel's."""
    return (checkout() or _PACKAGE) / name


def default_home() -> Path:
    """Return the home if CRYPTOASSETS_HOME is not set.

    It is `.cryptoassets` in the project's folder. For an installed package without such a folder it
    is in the user's data folder.
    """
    if not checkout() and not _folder_with_home(Path.cwd()):
        return user_data_path("cryptoassets", appauthor=False)
    return project_root() / HOME


def _folder_with_home(folder: Path) -> Path | None:
    return next((f for f in (folder, *folder.parents) if (f / HOME).is_dir()), None)
