"""The definitions have the agreed names, are fully described, and load without side effects."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from cryptoassets import jobs
from cryptoassets.definitions import ALL, build_defs, defs
from cryptoassets.partitions.policies import DAILY, HOURLY
from cryptoassets.project import project_root
from cryptoassets_tests.conftest import SINCE

ASSETS = {
    "raw/coin_snapshots": ("raw", "mongo_io_manager", HOURLY),
    "clean/coin_prices": ("clean", "spark_io_manager", HOURLY),
    "warehouse/coins": ("warehouse", "postgres_io_manager", HOURLY),
    "warehouse/coin_prices": ("warehouse", "postgres_io_manager", HOURLY),
    "raw/coin_history": ("raw", "mongo_io_manager", DAILY),
    "clean/coin_price_history": ("clean", "spark_io_manager", DAILY),
    "warehouse/coin_price_history": ("warehouse", "postgres_io_manager", DAILY),
    "raw/rates": ("raw", "mongo_io_manager", HOURLY),
    "clean/fx_rates": ("clean", "spark_io_manager", HOURLY),
    "warehouse/fx_rates": ("warehouse", "postgres_io_manager", HOURLY),
    "warehouse/ecb_rates": ("warehouse", "postgres_io_manager", None),
    "marts/coin_daily": ("marts", "postgres_io_manager", DAILY),
    "marts/coin_candles": ("marts", "postgres_io_manager", DAILY),
    "marts/market_daily": ("marts", "postgres_io_manager", DAILY),
}
"""Maps an asset's key to its group, IO manager key and partitions."""

CHECKS = {
    "clean/coin_prices": {
        "columns": True,
        "keys": True,
        "outcomes": True,
        "newest_snapshot_complete": False,
        "newest_snapshot_reliable": False,
        "quarantine_share": False,
        "payload_drift": False,
    },
    "warehouse/coin_prices": {
        "reconciliation": False,
        "price_moves": False,
        "stale_answer": False,
    },
    "raw/coin_history": {"windows_answered": False},
    "clean/coin_price_history": {
        "columns": True,
        "keys": False,
        "outcomes": False,
        "quarantine_share": False,
    },
    "warehouse/coin_price_history": {"reconciliation": False},
    "clean/fx_rates": {
        "columns": True,
        "keys": True,
        "outcomes": True,
        "quarantine_share": False,
    },
    "warehouse/fx_rates": {"reconciliation": False},
    "marts/coin_candles": {"prices_in_order": False},
    "marts/coin_daily": {"prices_in_order": False},
}
"""The checks of each asset, and whether each check blocks."""

GRAPH = defs.resolve_asset_graph()


def key_of(name: str) -> dg.AssetKey:
    """Return an asset's key from its agreed name."""
    return dg.AssetKey.from_user_string(name)


def test_the_assets_have_the_agreed_names() -> None:
    """Two assets cannot be run: publishing fills the quarantine, and users edit the aliases."""
    materializable = {key.to_user_string() for key in GRAPH.materializable_asset_keys}

    assert set(ASSETS) == materializable
    assert {"warehouse/quarantine", "warehouse/coin_aliases"} == {
        key.to_user_string() for key in GRAPH.get_all_asset_keys() - GRAPH.materializable_asset_keys
    }


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_has_the_agreed_group_io_manager_and_partitions(name: str) -> None:
    """Scripts, Airflow and a second code location depend on these properties."""
    group, io_manager, partitions = ASSETS[name]
    node = GRAPH.get(key_of(name))

    assert group == node.group_name
    assert partitions == node.partitions_def
    assert io_manager == node.assets_def.get_io_manager_key_for_asset_key(node.key)


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_is_described_for_people(name: str) -> None:
    """Required: description, owner, kinds, version, table and, except in raw, a column lineage."""
    node = GRAPH.get(key_of(name))
    definition = node.assets_def

    assert node.description
    assert ["team:cryptoassets"] == list(node.owners)
    assert node.kinds
    assert definition.code_versions_by_key[node.key]
    place = name.replace("/", ".").replace("raw.", "datalake.")
    assert place == node.metadata["dagster/table_name"]
    assert node.metadata["dagster/code_references"].code_references
    # The ECB's rates come from a file, not from another asset.
    if not name.startswith("raw/") and name != "warehouse/ecb_rates":
        lineage = node.metadata["dagster/column_lineage"].deps_by_column
        assert lineage
        assert all(lineage.values())


def test_prices_are_stale_after_90_minutes() -> None:
    """Dagster measures the age of the last materialization, `status` that of the newest price."""
    policy = GRAPH.get(key_of("warehouse/coin_prices")).freshness_policy

    assert dg.FreshnessPolicy.time_window(fail_window=policy.fail_window.to_timedelta()) == policy
    assert 90 * 60 == policy.fail_window.to_timedelta().total_seconds()


def test_partitions_start_at_the_setting_and_include_the_current_hour_and_day() -> None:
    """New data belongs to an hour and a day that have not ended yet."""
    assert f"{SINCE}-00:00" == HOURLY.get_first_partition_key()
    assert SINCE == DAILY.get_first_partition_key()
    assert (1, 1) == (HOURLY.end_offset, DAILY.end_offset)


@pytest.mark.parametrize("asset", CHECKS)
def test_assets_have_the_agreed_checks_and_blocking_checks(asset: str) -> None:
    """A check for merely unusual data must not block, or this data could never be published."""
    of_asset = GRAPH.get_check_keys_for_assets({key_of(asset)})
    blocking = {key.name: GRAPH.get(key).blocking for key in of_asset}

    assert CHECKS[asset] == blocking


@pytest.mark.parametrize(
    ("job", "assets"),
    [
        ("ingest", {"raw/coin_snapshots"}),
        ("process", {"clean/coin_prices", "warehouse/coins", "warehouse/coin_prices"}),
        ("marts", {"marts/coin_daily", "marts/coin_candles", "marts/market_daily"}),
        (
            "history",
            {"raw/coin_history", "clean/coin_price_history", "warehouse/coin_price_history"},
        ),
        (
            "rates",
            {"raw/rates", "clean/fx_rates", "warehouse/fx_rates", "warehouse/ecb_rates"},
        ),
    ],
)
def test_jobs_contain_the_agreed_assets(job: str, assets: set[str]) -> None:
    """Airflow launches jobs by name and relies on what they contain."""
    definition = defs.resolve_job_def(job)

    keys = definition.asset_layer.executable_asset_keys
    assert assets == {key.to_user_string() for key in keys}
    assert definition.description


def test_the_jobs_have_the_agreed_names_and_partitions() -> None:
    """Airflow and scripts use the names. Dagster sorts them and so lists `all_steps_now` first."""
    made = {job.name: defs.resolve_job_def(job.name).partitions_def for job in defs.jobs or []}

    hourly, daily = ("ingest", "process", "rates"), ("history", "marts")
    unpartitioned = ("all_steps_now", "end_dead_runs", "purge_old_runs", "retention")
    assert (
        dict.fromkeys(hourly, HOURLY) | dict.fromkeys(daily, DAILY) | dict.fromkeys(unpartitioned)
        == made
    )
    assert "all_steps_now" == min(made)


@pytest.mark.parametrize("name", [name for name, parts in ASSETS.items() if parts[2]])
def test_a_backfill_of_an_asset_is_one_run(name: str) -> None:
    """A click on "Materialize all" would otherwise launch hundreds of runs."""
    assert dg.BackfillPolicy.single_run() == GRAPH.get(key_of(name)).backfill_policy


def test_schedules_are_off_and_all_sensors_except_heal_gaps_are_on() -> None:
    """Airflow is the scheduler, but only Dagster handles late documents and dead runs."""
    schedules = {one.name: one.default_status for one in defs.schedules or []}
    sensors = {one.name: one.default_status for one in defs.sensors or []}

    off = (
        *("ingest_every_five_minutes", "rates_every_six_hours"),
        *("purge_old_runs_daily", "retention_daily"),
    )
    assert dict.fromkeys(off, dg.DefaultScheduleStatus.STOPPED) == schedules
    names = (
        "late_documents",
        "late_rates",
        "process_what_was_fetched",
        "marts_of_healed_days",
        "failed_runs",
        "dead_runs",
        "alerts",
    )
    on = dict.fromkeys(names, dg.DefaultSensorStatus.RUNNING)
    assert on | {"heal_gaps": dg.DefaultSensorStatus.STOPPED} == sensors
    assert "*/5 * * * *" == jobs.ingest_every_five_minutes.cron_schedule


@pytest.mark.parametrize(
    ("layers", "job_names"),
    [
        (["raw"], {"ingest", "history", "rates"}),
        (["clean", "warehouse", "marts"], {"process", "marts", "history", "rates"}),
    ],
)
def test_the_layers_load_as_two_code_locations(layers: list[str], job_names: set[str]) -> None:
    """These code locations are `producer` and `spark-consumer` in the compose file."""
    part = build_defs(layers=layers)
    dg.Definitions.validate_loadable(part)
    keys = part.resolve_asset_graph().materializable_asset_keys

    assert {name for name, (group, _, _) in ASSETS.items() if group in layers} == {
        key.to_user_string() for key in keys
    }
    assert job_names <= {job.name for job in part.jobs or []}
    assert set(layers) <= set(ALL)


_AUDITED_IMPORT = """
import json, sys
seen = []
def watch(event, args):
    is_written = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if is_written or event in ("socket.connect", "os.mkdir", "subprocess.Popen", "os.posix_spawn"):
        seen.append([event, str(args[0])])
sys.addaudithook(watch)
from cryptoassets.definitions import defs
defs.resolve_asset_graph()
print(json.dumps(seen))
"""


def test_loading_the_definitions_has_no_side_effect(tmp_path: Path) -> None:
    """So that a broken environment cannot break the UI, loading only reads files."""
    poison = {
        "CRYPTOASSETS_HOME": "/proc/no/such/home",
        "COINCAP_URL": "http://127.0.0.1:1",
        "COINCAP_COINS": "poison",
        "MONGO_URL": "poison",
        "POSTGRES_URL": "poison",
        "SPARK_MASTER": "poison",
        "JAVA_HOME": "/no/such/java",
        "PYTHONPATH": str(project_root()),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    loaded = subprocess.run(
        [sys.executable, "-c", _AUDITED_IMPORT],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | poison,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert 0 == loaded.returncode, loaded.stderr
    # The library croniter, which Dagster imports, runs `file` to find out Python's architecture.
    libraries = {"file"}
    effects = [(event, what) for event, what in json.loads(loaded.stdout) if what not in libraries]
    assert [] == effects


def test_dagster_validates_the_definitions_from_the_projects_root(tmp_path: Path) -> None:
    """Like `dagster dev`, the validation reads workspace.yaml in the project's root."""
    (tmp_path / "dagster.yaml").touch()

    validated = subprocess.run(
        [Path(sys.executable).parent / "dagster", "definitions", "validate"],
        env=os.environ | {"DAGSTER_HOME": str(tmp_path)},
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )

    assert 0 == validated.returncode, validated.stderr
    assert "Validation successful for code location cryptoassets" in (
        validated.stdout + validated.stderr
    )
