"""Promises of the command before it does anything: help at once, misuse told apart."""

import resource
import subprocess
from pathlib import Path

import pytest

from cryptoassets_tests.e2e.homes import COMMAND, user_environment

VERBS = (
    *("run", "dev", "up", "down", "env", "status", "source"),
    *("requeue", "rebuild", "retention", "audit"),
)


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the console script in an empty home."""
    return subprocess.run(
        [COMMAND, *arguments],
        env=user_environment() | {"CRYPTOASSETS_HOME": str(folder)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def cpu_seconds_of_children() -> float:
    """CPU time of the commands run so far; unlike the clock, no busy neighbour stretches it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_names_every_verb(tmp_path: Path) -> None:
    """And no verb that is not documented here."""
    told = command(tmp_path, "--help")

    assert 0 == told.returncode
    for verb in VERBS:
        assert f" {verb} " in told.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_at_once_and_touches_nothing(tmp_path: Path, verb: str) -> None:
    """Nobody waits for Dagster's imports to read a line of help."""
    before = cpu_seconds_of_children()

    told = command(tmp_path, verb, "--help")

    assert 0 == told.returncode
    assert f"cryptoassets {verb}" in told.stdout
    assert cpu_seconds_of_children() - before < 1.5
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runn"], "No such command"),
        (["run", "--fast"], "No such option"),
        (["status", "now"], "unexpected extra argument"),
        (["source", "--port", "many"], "Invalid value for '--port'"),
        (["source", "--port", "70000"], "less than or equal to 65535"),
        (["source", "--replay", "/no/such/folder"], "does not exist"),
        (["source", "--as-recorded"], "--as-recorded goes with --replay"),
        (["source", "--replay", "."], "No recorded answer in"),
    ],
)
def test_misuse_ends_with_2_and_names_the_fault(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    """A script tells its own mistake from a failure of the platform."""
    told = command(tmp_path, *arguments)

    assert 2 == told.returncode, told.stderr
    assert words in " ".join(told.stderr.replace("│", " ").split())
    assert "Traceback" not in told.stderr


def test_a_wrong_setting_is_misuse_with_one_sentence(tmp_path: Path) -> None:
    """The variable by name; `--debug` shows the traceback, before or after the verb."""
    told = command(tmp_path, "env", COINCAP_COINS="many")
    debugged = command(tmp_path, "env", "--debug", COINCAP_COINS="many")

    assert 2 == told.returncode
    assert told.stderr.startswith("Error: Wrong setting: COINCAP_COINS: ")
    assert 1 == len(told.stderr.splitlines())
    assert "Traceback" in debugged.stderr
    assert "SettingsError" in debugged.stderr


def test_a_shell_that_reads_env_back_has_urls_and_no_files(tmp_path: Path) -> None:
    """Both would be refused; an empty variable counts as unset."""
    (tmp_path / "mongo").write_text("mongodb://me@127.0.0.1:1/")
    (tmp_path / "postgres").write_text("postgresql://me@127.0.0.1:1/base")
    files = {
        "MONGO_URL_FILE": str(tmp_path / "mongo"),
        "POSTGRES_URL_FILE": str(tmp_path / "postgres"),
    }

    told = command(tmp_path, "env", COINCAP_API_KEY="key", **files)

    lines = told.stdout.splitlines()
    assert {"MONGO_URL=mongodb://me@127.0.0.1:1/", "MONGO_URL_FILE=''"} <= set(lines), told.stderr
    assert {"POSTGRES_URL=postgresql://me@127.0.0.1:1/base", "POSTGRES_URL_FILE=''"} <= set(lines)


def test_without_arguments_the_help_is_shown(tmp_path: Path) -> None:
    """A person who types the bare name wants to know what there is."""
    told = command(tmp_path)

    assert "Usage: cryptoassets" in told.stdout + told.stderr
