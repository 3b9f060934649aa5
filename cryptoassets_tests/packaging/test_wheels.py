"""The wheels, installed as a user would: without a checkout, in an empty current folder.

`make test-wheel` builds the wheels and runs these tests. `make test` skips them, because they
install all dependencies into another environment.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.project import project_root

WHEELS = os.environ.get("CRYPTOASSETS_WHEELS")
pytestmark = [
    pytest.mark.skipif(WHEELS is None, reason="`make test-wheel` builds the wheels and runs this"),
    pytest.mark.timeout(600),
]
AIRFLOW = project_root() / ".venv-airflow3" / "bin" / "airflow"


def wheel(name: str) -> Path:
    """The one wheel of this distribution that `make wheel` has built."""
    (file,) = Path(WHEELS or "").resolve().glob(f"{name}-*.whl")
    return file


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands in a new environment, in which the platform's wheel is installed."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    uv = os.environ["UV"]
    subprocess.run([uv, "venv", "-q", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, wheel("cryptoassets")], check=True
    )
    return environment / "bin"


@pytest.fixture
def user(tmp_path: Path, bin_folder: Path) -> Iterator["User"]:
    """A user with an empty current folder and no data; the test's stores are stopped at the end."""
    someone = User(tmp_path, bin_folder)
    yield someone
    someone.cryptoassets("down")


class User:
    """Runs the installed command in this user's own folder."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.here = folder / "here"
        self.data = folder / "data"
        self.here.mkdir()
        self._bin = bin_folder

    def cryptoassets(self, *arguments: str, folder: Path | None = None, code: int = 0) -> str:
        """Run the command, which must end with the exit code `code`; return its stdout."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [self._bin / "cryptoassets", *arguments],
            cwd=folder or self.here,
            env=kept | {"XDG_DATA_HOME": str(self.data), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert code == done.returncode, done.stdout + done.stderr
        return done.stdout


def test_run_in_an_empty_folder_stores_data_in_the_users_data_folder(user: User) -> None:
    """The output names the folder; the current folder stays empty."""
    shown = user.cryptoassets("run")

    assert "marts.coin_daily" in shown
    assert f"home: {user.data / 'cryptoassets'}" in shown
    assert [] == list(user.here.iterdir())
    assert "110 raw documents in 1 hour" in user.cryptoassets("audit")


def test_the_nearest_home_above_the_current_folder_is_used(user: User) -> None:
    """Git finds its repository in the same way."""
    home = user.here / ".cryptoassets"
    below = user.here / "notebooks" / "today"
    home.mkdir()
    below.mkdir(parents=True)

    settings = user.cryptoassets("env", folder=below, code=3)  # nothing is running

    assert f"CRYPTOASSETS_HOME={home}" in settings


def test_airflow_loads_the_plugin_from_its_own_wheel(tmp_path: Path) -> None:
    """Airflow finds the installed plugin by its entry point."""
    installed = tmp_path / "installed"
    python = AIRFLOW.parent / "python"
    options = ["-q", "--no-deps", "--target", installed, "--python", python]
    command = [os.environ["UV"], "pip", "install", *options, wheel("cryptoassets_airflow")]
    subprocess.run(command, check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "PYTHONPATH": str(installed),
    }

    plugins = subprocess.run(
        [AIRFLOW, "plugins", "-o", "json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert '"name": "cryptoassets_airflow"' in plugins
    assert "EntrypointSource" in plugins or "cryptoassets-airflow" in plugins
