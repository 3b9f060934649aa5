"""Alerts: one message when a condition starts, one when it clears, and no further messages.

PostgreSQL and the receiver are real. `test_watch` tests how signals are read from Dagster.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from cryptoassets.errors import SettingsError
from cryptoassets.monitoring.check_results import CheckStatus
from cryptoassets.monitoring.conditions import conditions
from cryptoassets.monitoring.credits import CreditStatus
from cryptoassets.monitoring.disk import DiskSpace
from cryptoassets.monitoring.evaluation import Evaluation, report
from cryptoassets.monitoring.last_runs import LastRun
from cryptoassets.monitoring.signals import Signals
from cryptoassets.monitoring.warehouse import NewestRow, OpenGaps
from cryptoassets.settings import load_settings
from cryptoassets_tests.monitoring.receiver import SECRET, Receiver, listening

pytestmark = pytest.mark.postgres

NOW = datetime.now(UTC)
EARLIER = "2026-11-23T10:05:00+00:00"
HEALTHY = Signals(
    source="simulator",
    interval="h1",
    runs=[LastRun("process", "2026-11-23-10:00", "run-1", "succeeded", EARLIER, None, 12.5)],
    failed_runs=[],
    checks=[],
    price=NewestRow(NOW, timedelta(minutes=1)),
    gaps=OpenGaps(0, 0, None, None, None),
    credits=CreditStatus(4000, 100, 3900, 400, 0, EARLIER, 100, None, 700),
    disk=DiskSpace("/home", 50, 100),
)
"""Signals of a platform on which nothing needs attention."""


def check(severity: str) -> CheckStatus:
    """A check that did not pass."""
    reason = "3 coins moved by more than 50 %"
    asset, partition = "warehouse/coin_prices", "2026-11-23-10:00"
    return CheckStatus(
        asset, "price_moves", partition, False, severity, reason, EARLIER, "r", False
    )


FAILED = replace(HEALTHY.runs[0], outcome="failed", error="warehouse/coin_prices: disk full")
GAP = OpenGaps(1, 1, NOW - timedelta(days=2), NOW - timedelta(days=1), NOW - timedelta(hours=1))
CASES: dict[str, tuple[Signals, str, list[str]]] = {
    "failed run": (
        replace(HEALTHY, failed_runs=[FAILED]),
        "run failed: process 2026-11-23-10:00",
        [
            "What: The job process failed: warehouse/coin_prices: disk full",
            "Where: partition 2026-11-23-10:00",
            "Since: 2026-11-23 10:05 UTC",
            "What to do: cryptoassets run",
            "Run: http://localhost:3000/runs/run-1",
        ],
    ),
    "failed check": (
        replace(HEALTHY, checks=[check("ERROR")]),
        "check not passed: warehouse/coin_prices price_moves",
        ["price_moves of warehouse/coin_prices failed: 3 coins", "/runs/r"],
    ),
    "warning check": (
        replace(HEALTHY, checks=[check("WARN")]),
        "check not passed: warehouse/coin_prices price_moves",
        ["price_moves of warehouse/coin_prices warns: 3 coins"],
    ),
    "stale price": (
        replace(HEALTHY, price=NewestRow(NOW - timedelta(hours=2), timedelta(hours=2))),
        "prices are stale: warehouse/coin_prices",
        ["it may be at most 90 minutes old", "What to do: cryptoassets status"],
    ),
    "open gap": (
        replace(HEALTHY, gaps=GAP),
        "gap in the history: history h1",
        ["1 open gap in 1 coin", "What to do: cryptoassets backfill --gaps --from 20"],
    ),
    "low credits": (
        replace(HEALTHY, credits=replace(HEALTHY.credits, left=1000)),
        "credits run low: coincap",
        ["600 of CoinCap's 4,000 credits are left above the reserve of 400", "need 700"],
    ),
    "low disk": (
        replace(HEALTHY, disk=DiskSpace("/home", 9, 100)),
        "disk is nearly full: /home",
        ["Only 9.0% of the disk is free", "What to do: free some space"],
    ),
}


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the test's own database."""
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def report_signals(connection: psycopg.Connection[Any], signals: Signals) -> Evaluation:
    """Report signals with the current settings."""
    return report(connection, signals, load_settings())


@pytest.mark.parametrize("case", CASES)
def test_a_condition_sends_one_message_when_it_starts_and_one_when_it_clears(
    connection: psycopg.Connection[Any], receiver: Receiver, case: str
) -> None:
    """The first message contains all facts. Repeated evaluations send no further messages."""
    signals, title, words = CASES[case]

    report_signals(connection, HEALTHY)
    assert [] == receiver.titles()
    report_signals(connection, signals)
    (message,) = receiver.bodies
    assert [title] == receiver.titles()
    report_signals(connection, signals)
    assert [] == receiver.titles()
    report_signals(connection, HEALTHY)
    assert [f"resolved: {title}"] == receiver.titles()
    report_signals(connection, HEALTHY)

    assert [] == receiver.titles()
    assert [] == [word for word in words if word not in message["message"]]
    assert [(0,)] == connection.execute("SELECT count(*) FROM warehouse.alerts").fetchall()


def test_a_message_that_was_not_delivered_is_sent_again(
    connection: psycopg.Connection[Any], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working address gets each message only once; both addresses get all messages in order."""
    broken, (title, cleared) = CASES["stale price"][0], titles_of("stale price")
    with listening() as other:
        monkeypatch.setenv("CRYPTOASSETS_ALERT_URLS", f"{receiver.url}  {other.url}")
        receiver.status = 500
        first = report_signals(connection, broken)
        report_signals(connection, HEALTHY)
        receiver.status = 200
        last = report_signals(connection, HEALTHY)

        assert [title, cleared] == receiver.titles()
        assert [title, cleared] == other.titles()
    (problem,) = first.undelivered
    assert problem.startswith("address 1 (json://***): Failed to send JSON POST notification")
    assert "error=500" in problem
    assert [] == last.undelivered


def titles_of(case: str) -> tuple[str, str]:
    """Return the titles of a case's two messages."""
    title = CASES[case][1]
    return title, f"resolved: {title}"


def test_a_receiver_that_is_down_is_named_without_its_secrets(
    connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Logs and Dagster's UI show the result of an evaluation, so it must not contain secrets."""
    caplog.set_level("DEBUG")
    monkeypatch.setenv("CRYPTOASSETS_ALERT_URLS", f"json://me:{SECRET}@127.0.0.1:1/{SECRET}")

    result = report_signals(connection, CASES["low disk"][0])

    assert 1 == len(result.undelivered)
    assert "address 1 (json://***)" in result.words()
    assert SECRET not in result.words() + caplog.text + repr(load_settings())
    rows = connection.execute("SELECT alerts::text FROM warehouse.alerts").fetchall()
    assert SECRET not in str(rows)


def test_a_missing_extra_for_alerts_is_named_in_the_error(
    connection: psycopg.Connection[Any], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apprise is optional. The condition is recorded nevertheless, so `/metrics` shows it."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(SettingsError, match=r"extra `alerts`.*install 'cryptoassets\[alerts\]'"):
        report_signals(connection, CASES["low disk"][0])

    noted = connection.execute("SELECT kind FROM warehouse.alerts").fetchall()
    assert ([("low_disk",)], []) == (noted, receiver.titles())


def test_without_addresses_conditions_are_recorded_for_metrics(
    connection: psycopg.Connection[Any],
) -> None:
    """If an address is set later, it receives messages about the conditions that still hold."""
    signals = CASES["low disk"][0]

    result = report_signals(connection, signals)

    kinds = connection.execute("SELECT kind FROM warehouse.alerts").fetchall()
    assert (1, 0, [("low_disk",)]) == (result.conditions, result.sent, kinds)


def test_a_disk_near_the_limit_does_not_start_and_clear_alerts_all_day() -> None:
    """Temporary files of runs change the free space, so an open alert clears at a higher limit."""
    at_11_percent = replace(HEALTHY, disk=DiskSpace("/home", 11, 100))

    assert [] == conditions(at_11_percent)
    assert ["low_disk"] == [one.kind for one in conditions(at_11_percent, {("low_disk", "/home")})]


def test_if_all_runs_fail_only_a_few_alerts_start() -> None:
    """A year's backfill could fail 365 times. The alert for a failed fetch names no partition."""
    failed = [replace(FAILED, partition=f"2026-11-{day}-10:00") for day in range(10, 30)]
    fetches = [replace(FAILED, job="ingest")]

    found = [one.subject for one in conditions(replace(HEALTHY, failed_runs=[*failed, *fetches]))]

    assert ["ingest", "process 2026-11-10-10:00"] == sorted(found)[:2]
    assert 6 == len(found)


@pytest.mark.parametrize(
    "signals",
    [
        # A failed check has an alert of its own.
        replace(HEALTHY, failed_runs=[replace(FAILED, is_failed_check=True)]),
        replace(HEALTHY, failed_runs=[replace(FAILED, outcome="canceled")]),
        # Interrupted with Ctrl-C.
        replace(
            HEALTHY,
            failed_runs=[replace(FAILED, error="marts: x.DagsterExecutionInterruptedError")],
        ),
        replace(HEALTHY, checks=[replace(check("ERROR"), is_replay=True)]),
        # A new platform has no price yet, and a plan may have no limit.
        replace(HEALTHY, price=NewestRow(None, None)),
        replace(HEALTHY, credits=replace(HEALTHY.credits, left=None)),
    ],
)
def test_signals_that_need_no_attention_start_no_alert(signals: Signals) -> None:
    """An alert about any of these signals would be a false alarm."""
    assert [] == conditions(signals)
