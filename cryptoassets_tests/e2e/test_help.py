"""Help is fast and complete, and misuse has its own exit code."""

import json
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from cryptoassets.cli.app import app
from cryptoassets_tests.e2e.homes import COMMAND, user_environment

VERBS = (
    *("run", "dev", "airflow", "up", "down", "env", "status", "source"),
    *(
        "backfill",
        "tour",
        "doctor",
        "requeue",
        "rebuild",
        "retention",
        "audit",
        "sql",
        "export",
        "alerts",
        "metrics",
    ),
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
    """CPU time of the commands so far, which does not depend on the machine's load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_names_every_command(tmp_path: Path) -> None:
    """`--help` lists all commands."""
    shown = command(tmp_path, "--help")

    assert 0 == shown.returncode
    for verb in VERBS:
        assert f" {verb} " in shown.stdout


def test_help_is_not_truncated_in_a_narrow_terminal() -> None:
    """The list of commands must show whole sentences."""
    group = get_command(app)

    context = group.make_context("cryptoassets", [], resilient_parsing=True, terminal_width=60)
    shown = context.get_help()

    commands = shown.partition("Commands:")[2]
    assert "alerts" in commands
    assert "..." not in commands
    assert max(map(len, shown.splitlines())) <= 60


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_command_is_fast_and_writes_nothing(tmp_path: Path, verb: str) -> None:
    """Help must not wait for Dagster's imports."""
    before = cpu_seconds_of_children()

    shown = command(tmp_path, verb, "--help")

    assert 0 == shown.returncode
    assert f"cryptoassets {verb}" in shown.stdout
    assert cpu_seconds_of_children() - before < 1.5
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runn"], "No such command 'runn'. Did you mean 'run'?"),
        (["run", "--fast"], "No such option"),
        (["status", "now"], "unexpected extra argument"),
        (["source", "--port", "many"], "Invalid value for '--port'"),
        (["source", "--port", "70000"], "less than or equal to 65535"),
        (["source", "--replay", "/no/such/folder"], "does not exist"),
        (["source", "--as-recorded"], "--as-recorded needs --replay"),
        (["source", "--replay", "."], "No recorded response in"),
        (["doctor", "--live"], "COINCAP_API_KEY is not set. Get a key"),
    ],
)
def test_misuse_exits_with_2_and_names_the_error(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    """A script can distinguish misuse from a failure of the platform."""
    shown = command(tmp_path, *arguments)

    assert 2 == shown.returncode, shown.stderr
    assert words in " ".join(shown.stderr.replace("│", " ").split())
    assert "Traceback" not in shown.stderr


def test_a_wrong_setting_is_reported_as_misuse_in_one_sentence(tmp_path: Path) -> None:
    """The sentence names the variable; `--debug` anywhere in the command shows the traceback."""
    shown = command(tmp_path, "env", COINCAP_COINS="many")
    debugged = command(tmp_path, "env", "--debug", COINCAP_COINS="many")

    assert 2 == shown.returncode
    assert shown.stderr.startswith("Error: Wrong setting: COINCAP_COINS: ")
    assert 1 == len(shown.stderr.splitlines())
    assert "Traceback" in debugged.stderr
    assert "SettingsError" in debugged.stderr


def test_the_output_of_env_sets_urls_and_unsets_their_files(tmp_path: Path) -> None:
    """Setting both a URL and its file is refused; an empty variable counts as not set."""
    (tmp_path / "mongo").write_text("mongodb://me@127.0.0.1:1/")
    (tmp_path / "postgres").write_text("postgresql://me@127.0.0.1:1/base")
    (tmp_path / "analyst").write_text("postgresql://reader@127.0.0.1:1/base")
    files = {
        "MONGO_URL_FILE": str(tmp_path / "mongo"),
        "POSTGRES_URL_FILE": str(tmp_path / "postgres"),
        "ANALYST_URL_FILE": str(tmp_path / "analyst"),
    }

    shown = command(tmp_path, "env", COINCAP_API_KEY="key", **files)

    lines = shown.stdout.splitlines()
    assert {"MONGO_URL=mongodb://me@127.0.0.1:1/", "MONGO_URL_FILE=''"} <= set(lines), shown.stderr
    assert {"POSTGRES_URL=postgresql://me@127.0.0.1:1/base", "POSTGRES_URL_FILE=''"} <= set(lines)
    assert {"ANALYST_URL=postgresql://reader@127.0.0.1:1/base", "ANALYST_URL_FILE=''"} <= set(lines)


def test_the_version_is_printed(tmp_path: Path) -> None:
    """`--version` prints the name and the version, e.g. for a bug report."""
    shown = command(tmp_path, "--version")

    assert f"cryptoassets {version('cryptoassets')}\n" == shown.stdout


def test_doctor_prints_json_and_hides_secrets(tmp_path: Path) -> None:
    """Other programs' variables are removed when a command starts; `doctor` still names them."""
    users = {"SPARK_HOME": "/opt", "POSTGRES_URL": "postgresql://me:planted@127.0.0.1:1/base"}

    shown = command(tmp_path, "--quiet", "doctor", "--json", **users)

    found = {one["name"]: one for one in json.loads(shown.stdout)["findings"]}
    assert (1, "") == (shown.returncode, shown.stderr)
    assert "SPARK_HOME" in found["variables"]["found"]
    assert "problem" == found["PostgreSQL"]["level"]
    assert "planted" not in shown.stdout
    assert [] == list(tmp_path.iterdir())


def test_a_shell_can_complete_commands(tmp_path: Path) -> None:
    """The test sets the same variables as the script that `--show-completion` prints."""
    typed = {"COMP_WORDS": "cryptoassets re", "COMP_CWORD": "1"}

    shown = command(tmp_path, _CRYPTOASSETS_COMPLETE="complete_bash", **typed)

    assert ["requeue", "rebuild", "retention"] == shown.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sql --format ", ["table", "csv", "json"]),
        ("export coin_daily --format ", ["parquet", "csv", "duckdb", "xlsx"]),
        ("export coin_d", ["coin_daily"]),
        ("export marts.coin_", ["marts.coin_daily", "marts.coin_candles", "marts.coin_latest"]),
        ("export part", []),
    ],
)
def test_a_shell_can_complete_formats_and_tables(
    tmp_path: Path, typed: str, offered: list[str]
) -> None:
    """If the command offers nothing, the shell offers the names of files."""
    place = len(typed.split(" "))
    words = {"COMP_WORDS": f"cryptoassets {typed}", "COMP_CWORD": str(place)}
    before = cpu_seconds_of_children()

    shown = command(tmp_path, _CRYPTOASSETS_COMPLETE="complete_bash", **words)

    assert offered == shown.stdout.split()
    assert cpu_seconds_of_children() - before < 1.5


def test_help_can_be_asked_for_without_dashes(tmp_path: Path) -> None:
    """Many programs have a command `help`."""
    assert command(tmp_path, "--help").stdout == command(tmp_path, "help").stdout
    assert command(tmp_path, "run", "--help").stdout == command(tmp_path, "help", "run").stdout
    assert 0 == command(tmp_path, "help").returncode


def test_without_arguments_the_help_is_shown(tmp_path: Path) -> None:
    """`cryptoassets` without arguments lists the commands."""
    shown = command(tmp_path)

    assert "Usage: cryptoassets" in shown.stdout + shown.stderr
