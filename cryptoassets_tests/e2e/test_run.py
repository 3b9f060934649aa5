"""Promises of `cryptoassets run` to a newcomer: the console script, a fresh home, nothing set.

One story of three runs, told once; each test reads one promise off it.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pymongo import MongoClient

from cryptoassets_tests.e2e.homes import Home
from cryptoassets_tests.e2e.platforms import Finished, put_faults
from cryptoassets_tests.e2e.stores import PUBLISHED, Dump

# The whole story is told in the first test's time: three cold runs, on a busy machine too.
pytestmark = [
    pytest.mark.spark,
    pytest.mark.mongo,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Story:
    """Two good runs, then one whose answer holds 30 of 100 coins; dumps after each."""

    home: Home
    unused: dict[str, Finished]
    left_unused: bool
    first: Finished
    second: Finished
    cut: Finished
    after_first: Dump
    after_second: Dump
    after_cut: Dump
    documents_after_second: int
    audit: Finished
    status_code: int
    status: dict[str, Any]
    status_after_cut: Finished


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home that was never used; its servers are stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder, umask=0)
    yield home
    home.command("down")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def story(home: Home) -> Story:
    """The whole story; a run as a process costs seconds, so it is told once."""
    unused = {verb: home.command(verb) for verb in ("env", "status", "audit")}
    left_unused = not list(home.folder.iterdir())
    first = home.command("run")
    after_first = home.stores.dump()
    second = home.command("run")
    after_second = home.stores.dump()
    documents = len(home.stores.documents())
    audit, status = home.command("audit"), home.command("status", "--json")
    put_faults(home.settings["COINCAP_URL"], {"route": "/assets", "kind": "cut", "coins": 30})
    cut = home.command("run")
    return Story(
        home=home,
        unused=unused,
        left_unused=left_unused,
        first=first,
        second=second,
        cut=cut,
        after_first=after_first,
        after_second=after_second,
        after_cut=home.stores.dump(),
        documents_after_second=documents,
        audit=audit,
        status_code=status.code,
        status=json.loads(status.text),
        status_after_cut=home.command("status"),
    )


@pytest.mark.parametrize("verb", ["env", "status", "audit"])
def test_a_command_that_only_shows_starts_nothing(story: Story, verb: str) -> None:
    """Somebody who looks, in whatever folder, must not be left with three servers."""
    finished = story.unused[verb]

    assert 3 == finished.code, finished.text
    named = {"env": "PostgreSQL, MongoDB and the simulator of CoinCap"}
    assert f"{named.get(verb, 'PostgreSQL and MongoDB')} are not running" in finished.text
    assert f"home: {story.home.folder}" in finished.text
    assert "Run `cryptoassets up`" in finished.text
    assert story.left_unused


def test_env_prints_the_lines_of_what_needs_no_server(story: Story) -> None:
    """A script learns what is set, and by the exit code that not all is there."""
    lines = story.unused["env"].text.splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}

    assert {"CRYPTOASSETS_HOME", "CLEAN_PATH", "SPARK_MASTER"} <= names
    assert names.isdisjoint({"MONGO_URL", "POSTGRES_URL", "COINCAP_URL"})


def test_the_first_run_ends_well_and_says_what_is_where(story: Story) -> None:
    """The first thing a newcomer sees."""
    assert 0 == story.first.code, story.first.text
    assert "simulator (not real prices; set COINCAP_API_KEY for CoinCap)" in story.first.text
    for name in ("datalake.coin_snapshots", "warehouse.coin_prices", "marts.market_daily"):
        assert name in story.first.text
    assert "0 failed" in story.first.text
    assert f"home: {story.home.folder}" in story.first.text
    assert "cryptoassets audit" in story.first.text


def test_every_store_holds_every_coin_of_the_first_run(story: Story) -> None:
    """Documents, cleaned rows and table rows are one snapshot of 100 coins."""
    assert 100 == len(story.after_first["warehouse.coin_prices"])
    assert 100 == len(story.after_first["warehouse.coins"])
    assert 100 == len(story.after_first["marts.coin_daily"])
    assert [] == story.after_first["warehouse.quarantine"]


def test_a_second_run_adds_one_snapshot_and_nothing_else(story: Story) -> None:
    """A rerun that touched earlier rows would rewrite history."""
    before, after = story.after_first, story.after_second

    assert 0 == story.second.code, story.second.text
    assert 200 == story.documents_after_second
    assert 200 == len(after["warehouse.coin_prices"])
    assert set(before["warehouse.coin_prices"]) < set(after["warehouse.coin_prices"])
    assert [] == after["warehouse.quarantine"]
    # The coin of rank 100 may be another one than seconds before.
    coins = {row.partition(b"\t")[0] for row in after["warehouse.coin_prices"]}
    for table in ("warehouse.coins", "marts.coin_daily"):
        assert coins == {row.partition(b"\t")[0] for row in after[table]}
        assert len(coins) == len(after[table])
    assert len(before["marts.market_daily"]) == len(after["marts.market_daily"])


def test_rows_documents_and_parquet_hold_the_same_ids(story: Story) -> None:
    """The same sets of ids, not only the same counts."""
    stores = story.home.stores
    documents = {document["_id"] for document in stores.documents()}
    rows = {row[0] for row in stores.rows("SELECT raw_id FROM warehouse.coin_prices")}
    refused = {row[0] for row in stores.rows("SELECT raw_id FROM warehouse.quarantine")}

    assert documents == set(stores.cleaned()["raw_id"].to_pylist())
    assert documents == rows | refused
    assert (200, 30) == (len(rows), len(refused))


def test_audit_finds_nothing_after_good_runs(story: Story) -> None:
    """The proof that a user can ask for."""
    assert 0 == story.audit.code, story.audit.text
    assert "200 raw documents" in story.audit.text


def test_status_says_for_programs_that_prices_are_fresh(story: Story) -> None:
    """On a laptop no daemon evaluates Dagster's freshness policy."""
    assets = {asset["asset"]: asset for asset in story.status["assets"]}

    assert "simulator" == story.status["source"]
    assert assets["warehouse/coin_prices"]["is_fresh"]
    assert 100 <= assets["warehouse/coin_prices"]["rows"] <= 200
    assert assets["raw/coin_snapshots"]["age_seconds"] < 300
    assert {True} == {check["passed"] for check in story.status["checks"]}
    assert 4000 == story.status["credits"]["left"]
    assert story.status["disk_bytes"] > 1_000_000


def test_status_says_that_the_last_runs_were_good_and_nothing_waits(story: Story) -> None:
    """What a cron job asks: is it still running well?"""
    runs = {run["job"]: run for run in story.status["last_runs"]}

    assert 0 == story.status_code
    assert {"ingest", "process", "marts"} == set(runs)
    assert {"succeeded"} == {run["outcome"] for run in runs.values()}
    assert ([], [], 0) == tuple(
        story.status[name] for name in ("failed_runs", "waiting", "documents_waiting")
    )
    assert [] == story.status["stale_mart_days"]
    assert story.status["disk_free_bytes"] > 1_000_000
    assert str(story.home.folder) == story.status["home"]


def test_status_fails_after_a_run_that_failed_and_says_why(story: Story) -> None:
    """The run succeeded in Dagster: it exited 1 by a check that blocks nothing."""
    told = story.status_after_cut

    assert 1 == told.code
    assert "The last run of process of " in told.text
    assert " failed " in told.text
    assert "clean/coin_prices newest_snapshot_complete: " in told.text


def test_the_lines_of_env_connect(story: Story) -> None:
    """For psql, pgAdmin or a script."""
    named = story.home.settings

    with psycopg.connect(named["POSTGRES_URL"]) as connection:
        rows = connection.execute("SELECT coin_id FROM marts.coin_latest").fetchall()
    with MongoClient[dict[str, Any]](named["MONGO_URL"]) as client:
        documents = client[named["MONGO_DATABASE"]]["coin_snapshots"].count_documents({})

    coins = {row.partition(b"\t")[0].decode() for row in story.after_second["warehouse.coins"]}
    assert coins == {coin for (coin,) in rows}
    assert documents >= 200
    assert Path(named["CRYPTOASSETS_HOME"]) == story.home.folder


def test_a_snapshot_cut_to_30_coins_makes_run_fail_and_name_the_check(story: Story) -> None:
    """70 missing coins must never look like a good day."""
    assert 1 == story.cut.code, story.cut.text
    assert "clean/coin_prices newest_snapshot_complete" in story.cut.text
    assert "snapshot_incomplete" in story.cut.text
    assert "Traceback" not in story.cut.text


def test_a_cut_snapshot_is_in_quarantine_whole_and_earlier_rows_are_the_same_bytes(
    story: Story,
) -> None:
    """All 30 with the reason; not a byte of what was good is different."""
    reasons = story.home.stores.rows("SELECT DISTINCT reasons FROM warehouse.quarantine")

    assert [(["snapshot_incomplete"],)] == reasons
    assert 30 == len(story.after_cut["warehouse.quarantine"])
    for table in PUBLISHED:
        assert story.after_second[table] == story.after_cut[table], table


def test_runs_checks_and_events_are_counted_in_postgresql(story: Story) -> None:
    """Dagster's history is on PostgreSQL and red where the run was."""
    url = story.home.settings["POSTGRES_URL"].replace("/bigdata_db", "/dagster")
    with psycopg.connect(url) as connection:
        runs = connection.execute(
            "SELECT pipeline_name, status, count(*) FROM runs GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        made = connection.execute(
            "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' "
            'AND asset_key = \'["warehouse", "coin_prices"]\''
        ).fetchall()
        failed = connection.execute(
            "SELECT count(*) FROM asset_check_executions "
            "WHERE check_name = 'newest_snapshot_complete' AND execution_status = 'FAILED'"
        ).fetchall()

    assert [(job, "SUCCESS", 3) for job in ("ingest", "marts", "process")] == runs
    assert [(3,)] == made
    assert [(1,)] == failed


def test_no_other_user_can_open_a_file_of_the_home(story: Story) -> None:
    """Under umask 0, data, logs, Parquet and state were open to everybody on the machine."""
    assert [] == story.home.open_to_others()
    assert list(story.home.folder.glob("**/coin_prices/**/*.parquet"))


def test_the_password_of_postgresql_is_in_no_log_event_or_output(story: Story) -> None:
    """It is in the files that hold it on purpose, and what `env` prints, and nowhere else."""
    url = story.home.settings["POSTGRES_URL"]
    password = url.split(":")[2].split("@")[0]
    with psycopg.connect(url.replace("/bigdata_db", "/dagster")) as connection:
        events = connection.execute(
            "SELECT (SELECT count(*) FROM event_logs WHERE strpos(event, %(key)s) > 0) "
            "+ (SELECT count(*) FROM runs WHERE strpos(run_body, %(key)s) > 0)",
            {"key": password},
        ).fetchone()
    texts = [story.first.text, story.second.text, story.cut.text, story.audit.text]
    telling = [path for path in _texts(story.home.folder) if password in _read(path)]

    assert len(password) > 8
    assert (0,) == events
    assert [] == [text for text in texts if password in text]
    assert [] == telling


def _texts(folder: Path) -> list[Path]:
    """Logs and what runs wrote: all that a person may send to somebody else."""
    below = [*(folder / "logs").rglob("*"), *(folder / "dagster").rglob("*")]
    return [path for path in below if path.is_file()]


def _read(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")
