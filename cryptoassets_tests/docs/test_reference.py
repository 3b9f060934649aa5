"""Promises of the tables of the README: nothing that a user can hold on to is missing there."""

from typing import Any

import pytest
from dagster import AssetCheckKey
from pydantic_core import PydanticUndefined
from typer.main import get_command

from cryptoassets.cli.app import app
from cryptoassets.definitions import defs
from cryptoassets.schemas import POSTGRES_TABLES, PRICE_MEASURES, Table
from cryptoassets.schemas.columns import CIRCULATING_SUPPLY
from cryptoassets.settings import Settings
from cryptoassets.stores.mongodb import COLLECTIONS, DEAD_LETTERS, EXPIRED, FETCHES, WINDOWS
from cryptoassets.transforms.rules import REASONS
from cryptoassets_tests.docs.pages import ENV_EXAMPLE, README, rows, section, words

JOBS = sorted(job.name for job in defs.jobs or [] if not job.name.startswith("__"))
CHECKS = sorted(defs.resolve_asset_graph().asset_check_keys, key=str)
ASSETS = sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys())


# Typer brings its own click, which has no types of its own name.
COMMANDS: dict[str, Any] = get_command(app).commands


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_there_with_its_options(name: str) -> None:
    """What `--help` knows and the README does not is used by nobody."""
    row = rows(section(README, "## Commands"))[f"cryptoassets {name}"]
    options = [flag for option in COMMANDS[name].params for flag in option.opts]

    missing = [flag for flag in options if flag not in ("-h", "--help") and f"`{flag}" not in row]

    assert [] == missing


def test_no_command_is_documented_that_does_not_exist() -> None:
    """A name that is kept for later would send people to an error."""
    documented = {name for name in rows(section(README, "## Commands")) if "cryptoassets" in name}

    assert {f"cryptoassets {name}" for name in COMMANDS} == documented


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_there_with_its_default(name: str) -> None:
    """README and .env.example are where people look for it."""
    row = rows(section(README, "## Settings"))[name.upper()]
    block = next(b for b in ENV_EXAMPLE.read_text().split("\n\n") if f"#{name.upper()}=" in b)
    default = Settings.model_fields[name].default

    assert default is not PydanticUndefined
    assert "# Default: " in block
    if default is not None:
        assert f"| `{default}` |" in row
        assert f"# Default: {default}\n" in block
        assert f"#{name.upper()}={default}" in block


def test_env_example_changes_nothing_as_it_is() -> None:
    """Copied unchanged, it must not turn a default into a setting."""
    lines = ENV_EXAMPLE.read_text().splitlines()

    assert [] == [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("code", sorted(REASONS))
def test_a_reason_is_explained(code: str) -> None:
    """Whoever finds a code in the quarantine looks here for its meaning."""
    text = section(README, "### Reasons for quarantine")
    measures = (*PRICE_MEASURES, CIRCULATING_SUPPLY)
    column = next((c.name for c in measures if code.startswith(f"{c.name}_")), None)
    generic = code.replace(f"{column}_", "<column>_") if column else code

    assert f"`{code}`" in text or f"`{generic}`" in text
    assert column is None or f"`{column}`" in text


@pytest.mark.parametrize("table", POSTGRES_TABLES, ids=lambda table: table.full_name)
def test_a_table_is_there_with_its_columns_and_key(table: Table) -> None:
    """The view lists its own columns and points to the table it shows."""
    listed = rows(section(README, "## Tables in PostgreSQL"))
    row = listed[table.full_name]
    shown = row + listed["warehouse.coin_prices"] if table.name == "coin_latest" else row

    assert set(table.column_names) <= words(shown)
    assert [] == [name for name in table.key if f"**{name}**" not in row]


@pytest.mark.parametrize("name", [*COLLECTIONS, DEAD_LETTERS, EXPIRED, FETCHES, WINDOWS])
def test_a_collection_is_there(name: str) -> None:
    """The lake has no schema to ask."""
    assert f"`{name}`" in section(README, "## Tables in PostgreSQL")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_there(job: str) -> None:
    """Schedulers launch jobs by name."""
    assert job in rows(section(README, "## Assets, jobs and checks"))


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_is_there(asset: str) -> None:
    """Its key is what other tools launch and wait for."""
    assert f"`{asset}`" in section(README, "## Assets, jobs and checks")


@pytest.mark.parametrize("automation", ["schedules", "sensors"])
def test_schedules_and_sensors_are_there(automation: str) -> None:
    """Whoever sees one in the UI wants to know whether to turn it on."""
    text = section(README, "## Assets, jobs and checks")

    assert [] == [a.name for a in getattr(defs, automation) or [] if f"`{a.name}`" not in text]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_check_is_there_beside_its_asset(check: AssetCheckKey) -> None:
    """A red check is looked up by name."""
    listed = rows(section(README, "## Assets, jobs and checks"))
    name, asset = check.name, check.asset_key.to_user_string()

    assert any(name in words(cell) and f"`{asset}`" in row for cell, row in listed.items())
