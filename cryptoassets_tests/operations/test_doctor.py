"""`doctor` finds what would stop a run, hides secrets, and judges the real source's responses."""

import json
import re
import sys
import time
from pathlib import Path

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.sources import replayed_source, simulated_source
from cryptoassets.embedded.java import java_folder
from cryptoassets.embedded.java_options import ClassArchive
from cryptoassets.errors import SettingsError
from cryptoassets.operations.doctor import findings, machine
from cryptoassets.operations.doctor.findings import Finding, Level
from cryptoassets.operations.doctor.live import plan, try_source
from cryptoassets.operations.doctor.report import Report, examine
from cryptoassets.settings import Settings
from cryptoassets_tests.e2e.platforms import put_faults
from cryptoassets_tests.embedded.test_java import fake_java

GIGABYTE = 10**9
KEY = "planted-key-4711"


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (findings.python((3, 11), ""), "ok"),
        (findings.python((3, 14), ""), "problem"),
        (findings.disk("HOME", "/h", 9 * GIGABYTE, is_writable=True), "ok"),
        (findings.disk("HOME", "/h", 1 * GIGABYTE, is_writable=True), "warning"),
        (findings.disk("HOME", "/h", 1000, is_writable=True), "problem"),
        (findings.disk("HOME", "/h", 9 * GIGABYTE, is_writable=False), "problem"),
        (findings.memory(4 * GIGABYTE, 8 * GIGABYTE), "ok"),
        (findings.memory(1 * GIGABYTE, 8 * GIGABYTE), "warning"),
        (findings.memory(1000, 8 * GIGABYTE), "problem"),
        (findings.extras({"xlsx": True}), "ok"),
        (findings.missing_java_archive("/python"), "warning"),
        (findings.limits(None, None), "ok"),
        (findings.limits(1000, None), "warning"),
        (findings.limits(100, None), "problem"),
        (findings.limits(4096, 2 * GIGABYTE), "problem"),
        (findings.locale("utf-8", "C.UTF-8"), "ok"),
        (findings.locale("ascii", "C"), "warning"),
        (findings.ports({}), "ok"),
        (findings.ports({3000: ("`dev`", "python (pid 1)")}), "warning"),
        (findings.address("MongoDB", "MONGO_URL", "db:27017", is_reachable=True), "ok"),
        (findings.address("MongoDB", "MONGO_URL", "several hosts", is_reachable=None), "ok"),
        (findings.address("MongoDB", "MONGO_URL", "db:27017", is_reachable=False), "problem"),
    ],
)
def test_findings_have_the_right_level_and_a_remedy_if_not_ok(
    finding: Finding, level: Level
) -> None:
    """Only what would stop a run is a problem. Users must not have to guess what to do."""
    assert level == finding.level
    assert (level == "ok") == (not finding.remedy)
    assert Report([finding]).is_ready == (level != "problem")


def test_a_misspelled_setting_gets_a_suggestion() -> None:
    """Otherwise the misspelled setting would be silently ignored."""
    (found,) = findings.misspelled(
        ["COINCAP_KEY", "COINCAP_URL"], ["COINCAP_API_KEY", "COINCAP_URL"]
    )

    assert ("COINCAP_KEY", "Did you mean COINCAP_API_KEY?") == (found.name, found.remedy)


def test_extras_that_are_not_installed_are_listed_with_a_command() -> None:
    """A run does not need these optional extras, but a user must know how to add them."""
    found = findings.extras({"alerts": False, "duckdb": True, "xlsx": False})

    assert ("ok", "duckdb; not installed: alerts, xlsx") == (found.level, found.found)
    assert "pip install 'cryptoassets[alerts,xlsx]'" in found.remedy


def test_a_missing_class_archive_is_reported_with_the_command_that_creates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make` creates the archive; users who install the wheel must create it themselves."""
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "java", "21.0.1")))

    java, archive = machine.java(tmp_path)

    assert "ok" == java.level
    assert ("Java archive", "warning") == (archive.name, archive.level)
    assert f"`{sys.executable} -m cryptoassets.embedded.java_archive`" in archive.remedy


def test_an_existing_class_archive_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the archive is complete, `doctor` lists only Java."""
    home = fake_java(tmp_path / "java", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    archive = ClassArchive(java_folder(tmp_path), home / "bin" / "java")
    archive.folder.mkdir(parents=True)
    for file in (archive.classes, archive.base):
        if file:
            file.touch()

    assert ["Java"] == [one.name for one in machine.java(tmp_path)]


def test_the_users_name_is_not_in_a_report() -> None:
    """A bug report is public."""
    finding = Finding("home", "ok", "/home/me/data", "see /home/me/.env")

    assert Finding("home", "ok", "~/data", "see ~/.env") == findings.without_personal_paths(
        finding, Path("/home/me")
    )


def test_a_report_contains_no_secret_and_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords and keys are replaced, wherever they are set."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COINCAP_API_KEY", KEY)
    monkeypatch.setenv("MONGO_URL", f"mongodb://me:{KEY}@127.0.0.1:1/")
    started = time.process_time()

    report = examine(["PGHOST"])

    assert time.process_time() - started < 2
    text = repr(report)
    assert KEY not in text
    assert "no effect here: PGHOST" in text
    assert ["MongoDB"] == [one.name for one in report.findings if one.level == "problem"]
    assert "127.0.0.1:1 (from MONGO_URL) accepts no connections" in text
    assert not (tmp_path / "home").exists()


def test_an_invalid_setting_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the machine is still examined."""
    monkeypatch.setenv("COINCAP_COINS", "many")

    report = examine([])

    (problem,) = [one for one in report.findings if one.level == "problem"]
    assert "COINCAP_COINS" in problem.found
    assert "Java" in {one.name for one in report.findings}


def live_settings(url: str | None = None, key: str | None = KEY) -> Settings:
    """Settings with this URL and API key."""
    return Settings(_env_file=None, coincap_url=url, coincap_api_key=key)


def test_without_a_key_doctor_live_explains_what_to_do() -> None:
    """The error says where to put the key."""
    with pytest.raises(SettingsError, match=r"put `COINCAP_API_KEY=\.{3}` into the file \.env"):
        plan(live_settings(key=None))


def test_doctor_live_makes_three_cheap_calls_and_records_them_for_replay(tmp_path: Path) -> None:
    """Users with a key can send recordings, so that developers can reproduce a problem."""
    with make_server(simulated_source(api_key=KEY)) as server:
        settings = live_settings(server.url)
        found = try_source(settings, tmp_path)

    assert 10 >= plan(settings).credits
    assert {"ok"} == {one.level for one in found}, found
    assert "10 of 10 documents valid" in found[0].found
    charged = [float(re.findall(r"(\d+) credits", one.found)[0]) for one in found[:3]]
    assert sum(charged) <= plan(settings).most_credits
    with (
        make_server(replayed_source(tmp_path)) as replay,
        CoinCapClient(replay.url) as client,
    ):
        assert 10 == len(client.snapshot(10).pages[0].items)
        assert 2 == len(client.listing("/rates", (), 2).items)
    recorded = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY.encode() not in recorded


def test_doctor_live_reports_where_the_source_differs(tmp_path: Path) -> None:
    """Examples: a new field, a missing value, a page that is not JSON, an echoed API key."""
    with make_server(simulated_source()) as server:
        coins = {"bitcoin": {"set": {"new": KEY}}, "ethereum": {"delete": ["priceUsd"]}}
        put_faults(
            server.url,
            {"route": "/assets", "kind": "patch", "coins": coins},
            {"route": "/rates", "kind": "html"},
            {"route": "/assets/{slug}/history", "kind": "status", "status": 500, "body": KEY},
        )
        found = {one.name: one for one in try_source(live_settings(server.url), tmp_path)}

    assert ["warning", "problem", "problem"] == [
        found[name].level for name in ("/assets", "/rates", "/history")
    ]
    assert "9 of 10 documents valid" in found["/assets"].found
    assert "quarantined: price_usd_missing 1" in found["/assets"].found
    assert "key 'new' is new in 1 of 10 coins" in found["/assets"].found
    assert ["assets.json", "rates.unreadable"] == sorted(file.name for file in tmp_path.iterdir())
    new = {one["id"]: one for one in json.loads((tmp_path / "assets.json").read_bytes())["data"]}
    assert "***" == new["bitcoin"]["new"]
    assert KEY not in repr(found)


def test_a_refused_key_ends_the_calls(tmp_path: Path) -> None:
    """Further calls would be refused, too."""
    with make_server(simulated_source(api_key="another")) as server:
        found = try_source(live_settings(server.url), tmp_path)

    assert ["/assets", "credits"] == [one.name for one in found]
    assert [] == list(tmp_path.iterdir())
