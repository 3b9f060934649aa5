"""Promises of the JVM that starts with a command: it is used, or gone with the command."""

from pathlib import Path

import pytest

from cryptoassets.resources.spark_jvm import jvm_begun
from cryptoassets_tests.embedded.test_jvm import java_of

pytestmark = pytest.mark.spark


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    return tmp_path


def begin_and_fail(home: Path) -> None:
    """What a command does that finds its options wrong."""
    with jvm_begun():
        assert 1 == len(java_of(home))
        raise ValueError("the window is empty")


def test_a_command_that_fails_before_it_needs_spark_leaves_no_java(home: Path) -> None:
    """In a process that goes on, as a shell of Python, it would stay."""
    with pytest.raises(ValueError, match="window"):
        begin_and_fail(home)

    assert [] == java_of(home)
    assert [] == list((home / "spark").rglob("start-*"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("COINCAP_URL", "http://127.0.0.1:9"), ("COINCAP_COINS", "many"), ("SPARK_MASTER", "sc://x")],
)
def test_what_is_not_known_or_wrong_is_left_to_the_first_use_of_spark(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    """The command says it in its own order: what is wrong, and what it did before."""
    monkeypatch.setenv(setting, value)

    with jvm_begun():
        assert [] == java_of(home)
