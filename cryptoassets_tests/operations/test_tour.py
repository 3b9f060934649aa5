"""The tour's steps and its separate home; `e2e.test_tour` runs the whole tour."""

import os
import subprocess
from pathlib import Path

import pytest

from cryptoassets.errors import EmbeddedError
from cryptoassets.operations.tour import STEPS, Step, take_tour
from cryptoassets.operations.tour_home import (
    is_tour_home,
    open_tour_home,
    tour_environment,
    users_settings,
)
from cryptoassets.settings import load_settings


class Notes:
    """A guide that records what is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def begin(self, step: Step, number: int) -> None:
        """Record the title."""
        self.shown.append(f"{number} {step.title}")

    def command(self, text: str) -> None:
        """Record the command."""
        self.shown.append(f"$ {text}")

    def failed_as_expected(self, code: int) -> None:
        """Record the exit code."""
        self.shown.append(f"exit code {code}")

    def unexpected(self, text: str, code: int) -> None:
        """Record the command and its exit code."""
        self.shown.append(f"{text}: {code}")


def test_the_tour_stops_at_the_first_unexpected_exit_code() -> None:
    """Later steps would show misleading results."""
    steps = (Step("one", "", ("fails",), code=1), Step("two", "", ("works", "fails", "works")))
    notes = Notes()

    assert not take_tour(notes, {"fails": 1, "works": 0}.__getitem__, steps)

    assert [
        "1 one",
        "$ fails",
        "exit code 1",
        "2 two",
        "$ works",
        "$ fails",
        "fails: 1",
    ] == notes.shown


def test_every_command_has_valid_shell_syntax() -> None:
    """Users can type each command in a shell."""
    for step in STEPS:
        for text in step.commands:
            checked = subprocess.run(
                ["/bin/sh", "-n", "-c", text], check=False, capture_output=True
            )
            assert 0 == checked.returncode, text


def test_none_of_the_users_settings_reaches_the_tour() -> None:
    """Whatever key or URLs are set, the tour uses its own simulator and databases."""
    users = {"COINCAP_API_KEY": "k", "MONGO_URL": "m", "https_proxy": "p", "PATH": "/bin", "A": "b"}

    environment = tour_environment(Path("/tour"), users)

    assert ("COINCAP_API_KEY", "MONGO_URL") == users_settings(users)
    assert {"A": "b", "CRYPTOASSETS_HOME": "/tour"} == {
        name: value for name, value in environment.items() if name != "PATH"
    }
    assert environment["PATH"].endswith(":/bin")


def test_a_tours_home_has_its_own_settings_and_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's `.env` may contain a key. Files of a killed tour are removed first."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    left = tmp_path / "tour" / "left"
    left.parent.mkdir()
    left.touch()

    with open_tour_home(keeps=False) as home:
        assert not left.exists()
        assert (True, False) == (is_tour_home(home.folder), is_tour_home(tmp_path))
        code = home.run(f'env > {tmp_path}/env\ntest "$CRYPTOASSETS_HOME" = {home.folder}')
        with pytest.raises(EmbeddedError, match="Another tour"), open_tour_home(keeps=False):
            pass
        with monkeypatch.context() as patch:
            patch.setenv("CRYPTOASSETS_HOME", str(home.folder))
            currencies = load_settings().cryptoassets_currencies

    assert 0 == code
    assert "none" == currencies
    assert "CRYPTOASSETS_CURRENCIES" not in (tmp_path / "env").read_text()
    assert not home.folder.exists()


def test_a_home_is_kept_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--keep` is for users who want to look at the data afterwards."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    monkeypatch.setenv("COINCAP_API_KEY", "key")

    with open_tour_home(keeps=True) as home:
        pass

    assert home.folder.is_dir()
    assert f"export CRYPTOASSETS_HOME={home.folder}\nunset COINCAP_API_KEY" in home.preparation()
    assert "COINCAP_API_KEY" in os.environ
