"""Where the project's own files are: the checkout, `.env`, Dagster's files, and the home folder.

What goes here: finding them. What stays out: the settings in `.env` (in `settings`), and the
content of the home folder (in `embedded`).
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
    """Return the project's folder, in which relative paths in settings start.

    It is the checkout. For an installed package, it is the nearest folder with `.cryptoassets` in
    it: the current folder or one above it. If no folder has it, it is the current folder.
    """
    here = Path.cwd()
    return checkout() or _folder_with_home(here) or here


def settings_file() -> Path:
    """Return the path of `.env`.

    This is the file in CRYPTOASSETS_HOME if that variable is set and the file exists. Otherwise it
    is the file in the project's folder; that file need not exist.
    """
    named = os.environ.get("CRYPTOASSETS_HOME")
    own = project_root() / Path(named).expanduser() / ENV_FILE if named else None
    return own if own and own.is_file() else project_root() / ENV_FILE


def dagster_file(name: str) -> Path:
    """Return the path of `dagster.yaml` or `workspace.yaml` in the checkout, else in the wheel."""
    return (checkout() or _PACKAGE) / name


def default_home() -> Path:
    """Return the home folder that is used if CRYPTOASSETS_HOME is not set.

    It is `.cryptoassets` in the project's folder. If there is neither a checkout nor such a folder,
    it is `cryptoassets` in the user's data folder.
    """
    if not checkout() and not _folder_with_home(Path.cwd()):
        return user_data_path("cryptoassets", appauthor=False)
    return project_root() / HOME


def _folder_with_home(folder: Path) -> Path | None:
    return next((f for f in (folder, *folder.parents) if (f / HOME).is_dir()), None)
