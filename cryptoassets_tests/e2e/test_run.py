"""`cryptoassets run` as a new user sees it: the console script, a fresh home, no settings.

A fixture makes two runs, and each test checks one part of their results. A second good run is
tested in `test_bad_snapshots`.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pymongo import MongoClient

from cryptoassets_tests.e2e.homes import Home
from cryptoassets_tests.e2e.platforms import CommandResult, put_faults
from cryptoassets_tests.e2e.stores import PUBLISHED, Dump

# The first test's time includes two cold runs, possibly on a busy machine.
pytestmark = [
    pytest.mark.spark,
    pytest.mark.mongo,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Results:
    """A good run, then one whose response has only 30 of 100 coins; a dump after each.

    Attributes:
        unused: commands before the first run, when no server was running.
        left_unused: whether the home was still empty after them.
        cut: the second run.
    """

    home: Home
    unused: dict[str, CommandResult]
    left_unused: bool
    first: CommandResult
    cut: CommandResult
    after_first: Dump
    after_cut: Dump
    audit: CommandResult
    status_code: int
    status: dict[str, Any]
    status_after_cut: CommandResult


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A new home; its servers are stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder, umask=0)
    yield home
    home.command("down")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def results(home: Home) -> Results:
    """Make all runs once, because a run in a new process takes seconds."""
    unused = {verb: home.command(verb) for verb in ("env", "status", "audit")}
    left_unused = not list(home.folder.iterdir())
    first = home.command("run")
    after_first = home.stores.dump()
    audit, status = home.command("audit"), home.command("status", "--json")
    put_faults(home.settings["COINCAP_URL"], {"route": "/assets", "kind": "cut", "coins": 30})
    cut = home.command("run")
    return Results(
        home=home,
        unused=unused,
        left_unused=left_unused,
        first=first,
        cut=cut,
        after_first=after_first,
        after_cut=home.stores.dump(),
        audit=audit,
        status_code=status.code,
        status=json.loads(status.text),
        status_after_cut=home.command("status"),
    )


@pytest.mark.parametrize("verb", ["env", "status", "audit"])
def test_a_command_that_only_reads_starts_no_server(results: Results, verb: str) -> None:
    """`status` in an unused home must not leave three servers running."""
    finished = results.unused[verb]

    assert 3 == finished.code, finished.text
    named = {"env": "PostgreSQL, MongoDB and the CoinCap simulator"}
    assert f"{named.get(verb, 'PostgreSQL and MongoDB')} are not running" in finished.text
    assert f"home: {results.home.folder}" in finished.text
    assert "Run `cryptoassets up`" in finished.text
    assert results.left_unused


def test_env_prints_the_settings_that_need_no_server(results: Results) -> None:
    """The exit code tells a script that lines are missing."""
    lines = results.unused["env"].text.splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}

    assert {"CRYPTOASSETS_HOME", "CLEAN_PATH", "SPARK_MASTER"} <= names
    assert {"CRYPTOASSETS_SINCE", "CRYPTOASSETS_CURRENCIES"} <= names
    assert "DAGSTER_RUNS_RETENTION_DAYS=0" in lines
    assert names.isdisjoint({"MONGO_URL", "POSTGRES_URL", "COINCAP_URL"})


def test_the_first_run_succeeds_and_lists_the_stores(results: Results) -> None:
    """This is the first output that a new user sees."""
    assert 0 == results.first.code, results.first.text
    assert "simulator (not real prices; set COINCAP_API_KEY for CoinCap)" in results.first.text
    for name in ("datalake.coin_snapshots", "warehouse.coin_prices", "marts.market_daily"):
        assert name in results.first.text
    assert "0 failed" in results.first.text
    assert f"home: {results.home.folder}" in results.first.text
    assert "cryptoassets audit" in results.first.text
    assert re.search(r"✓ Spark +ready +[\d.]+ s", results.first.text)


def test_every_table_has_every_coin_of_the_first_run(results: Results) -> None:
    """The first run publishes one snapshot of 100 coins."""
    assert 100 == len(results.after_first["warehouse.coin_prices"])
    assert 100 == len(results.after_first["warehouse.coins"])
    assert 100 == len(results.after_first["marts.coin_daily"])
    assert [] == results.after_first["warehouse.quarantine"]


def test_rows_documents_and_parquet_have_the_same_ids(results: Results) -> None:
    """The sets of ids are equal, not only the counts."""
    stores = results.home.stores
    documents = {document["_id"] for document in stores.documents()}
    rows = {row[0] for row in stores.rows("SELECT raw_id FROM warehouse.coin_prices")}
    refused = {row[0] for row in stores.rows("SELECT raw_id FROM warehouse.quarantine")}

    assert documents == set(stores.cleaned()["raw_id"].to_pylist())
    assert documents == rows | refused
    assert (100, 30) == (len(rows), len(refused))


def test_audit_finds_nothing_after_a_good_run(results: Results) -> None:
    """A user can verify the stores at any time."""
    assert 0 == results.audit.code, results.audit.text
    assert "110 raw documents" in results.audit.text


def test_status_reports_fresh_prices_as_json(results: Results) -> None:
    """Freshness is the age of the newest price, as in the summary of `run`."""
    assets = {asset["asset"]: asset for asset in results.status["assets"]}
    freshness = results.status["freshness"]

    assert "simulator" == results.status["source"]
    assert assets["warehouse/coin_prices"]["is_fresh"]
    assert freshness["is_fresh"]
    assert freshness["age_seconds"] < 300 < 90 * 60 == freshness["allowed_seconds"]
    assert 100 == assets["warehouse/coin_prices"]["rows"]
    assert assets["raw/coin_snapshots"]["age_seconds"] < 300
    assert {True} == {check["passed"] for check in results.status["checks"]}
    assert 4000 == results.status["credits"]["left"]
    assert results.status["disk_bytes"] > 1_000_000
    newest = {store["name"]: store["newest"] for store in results.status["stores"]}
    assert datetime.fromisoformat(newest["warehouse.coin_prices"]).tzinfo is not None


def test_status_reports_good_runs_and_no_waiting_documents(results: Results) -> None:
    """A cron job needs these facts and the exit code."""
    runs = {run["job"]: run for run in results.status["last_runs"]}

    assert 0 == results.status_code
    assert {"ingest", "process", "marts", "rates"} == set(runs)
    assert {"succeeded"} == {run["outcome"] for run in runs.values()}
    assert ([], [], 0) == tuple(
        results.status[name] for name in ("failed_runs", "waiting", "documents_waiting")
    )
    assert [] == results.status["stale_mart_days"]
    assert results.status["disk_free_bytes"] > 1_000_000
    assert str(results.home.folder) == results.status["home"]


def test_status_fails_after_a_failed_run_and_names_the_cause(results: Results) -> None:
    """The Dagster run succeeded, but a failed non-blocking check made `run` exit with 1."""
    finished = results.status_after_cut

    assert 1 == finished.code
    assert "The last run of process for " in finished.text
    assert " failed " in finished.text
    assert "clean/coin_prices newest_snapshot_complete: " in finished.text


def test_the_addresses_of_env_can_be_used(results: Results) -> None:
    """Users need these addresses for psql, pgAdmin or a script."""
    named = results.home.settings

    with psycopg.connect(named["POSTGRES_URL"]) as connection:
        rows = connection.execute("SELECT coin_id FROM marts.coin_latest").fetchall()
    with MongoClient[dict[str, Any]](named["MONGO_URL"]) as client:
        documents = client[named["MONGO_DATABASE"]]["coin_snapshots"].count_documents({})

    coins = {row.partition(b"\t")[0].decode() for row in results.after_first["warehouse.coins"]}
    assert coins == {coin for (coin,) in rows}
    assert documents >= 100
    assert Path(named["CRYPTOASSETS_HOME"]) == results.home.folder


def test_a_snapshot_cut_to_30_coins_makes_run_fail_and_name_the_check(results: Results) -> None:
    """70 missing coins must not look like a normal day."""
    assert 1 == results.cut.code, results.cut.text
    assert "clean/coin_prices newest_snapshot_complete" in results.cut.text
    assert "snapshot_incomplete" in results.cut.text
    assert "Traceback" not in results.cut.text


def test_a_cut_snapshot_is_quarantined_completely_and_earlier_rows_do_not_change(
    results: Results,
) -> None:
    """All 30 coins have the reason; no byte of earlier rows differs."""
    reasons = results.home.stores.rows("SELECT DISTINCT reasons FROM warehouse.quarantine")

    assert [(["snapshot_incomplete"],)] == reasons
    assert 30 == len(results.after_cut["warehouse.quarantine"])
    for table in PUBLISHED:
        assert results.after_first[table] == results.after_cut[table], table


def test_dagsters_history_is_in_postgresql(results: Results) -> None:
    """The history includes the run with the failed check, and all events."""
    url = results.home.settings["POSTGRES_URL"].replace("/bigdata_db", "/dagster")
    with psycopg.connect(url) as connection:
        runs = connection.execute(
            "SELECT pipeline_name, status, count(*) FROM runs GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        row_counts = connection.execute(
            "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' "
            'AND asset_key = \'["warehouse", "coin_prices"]\''
        ).fetchall()
        failed = connection.execute(
            "SELECT count(*) FROM asset_check_executions "
            "WHERE check_name = 'newest_snapshot_complete' AND execution_status = 'FAILED'"
        ).fetchall()

    twice = [(job, "SUCCESS", 2) for job in ("ingest", "marts", "process")]
    assert [*twice, ("rates", "SUCCESS", 1)] == runs
    assert [(2,)] == row_counts
    assert [(1,)] == failed


def test_no_other_user_can_open_a_file_of_the_home(results: Results) -> None:
    """The commands run with umask 0, so the platform itself must restrict the file modes."""
    assert [] == results.home.open_to_others()
    assert list(results.home.folder.glob("**/coin_prices/**/*.parquet"))


def test_the_password_of_postgresql_is_in_no_log_event_or_output(results: Results) -> None:
    """Only the files that need the password and the output of `env` contain it."""
    url = results.home.settings["POSTGRES_URL"]
    password = url.split(":")[2].split("@")[0]
    with psycopg.connect(url.replace("/bigdata_db", "/dagster")) as connection:
        events = connection.execute(
            "SELECT (SELECT count(*) FROM event_logs WHERE strpos(event, %(key)s) > 0) "
            "+ (SELECT count(*) FROM runs WHERE strpos(run_body, %(key)s) > 0)",
            {"key": password},
        ).fetchone()
    texts = [results.first.text, results.cut.text, results.audit.text]
    files = _texts(results.home.folder)
    telling = [path for path in files if password.encode() in path.read_bytes()]

    assert len(password) > 8
    assert (0,) == events
    assert [] == [text for text in texts if password in text]
    assert [] == telling


def test_sql_and_export_start_a_stopped_postgresql(results: Results, tmp_path: Path) -> None:
    """`import cryptoassets` starts no server. This test stops the stores, so it must be last."""
    for arguments in (
        ("sql", "--format", "csv", "select count(*) as coins from coins"),
        ("export", "coin_daily", "--format", "csv", "--out", str(tmp_path / "days.csv")),
    ):
        results.home.command("down")

        read = results.home.command(*arguments)

        assert 0 == read.code, read.text
        assert "100" in read.text


def _texts(folder: Path) -> list[Path]:
    """Logs and Dagster's files, which a user may send to somebody else."""
    below = [*(folder / "logs").rglob("*"), *(folder / "dagster").rglob("*")]
    return [path for path in below if path.is_file()]
