"""The text of a message: what is wrong, where, since when, what to do, and a link to the run.

What goes here: plain text for every kind of receiver. What stays out: the sentences that describe a
condition (in `conditions`), sending (in `channels`).
"""

import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptoassets.monitoring.alert_book import Alert, Phase
from cryptoassets.settings import Settings

_TITLES = {
    "failed_run": "run failed",
    "failed_check": "check not passed",
    "stale_price": "prices are stale",
    "open_gap": "gap in the history",
    "low_credits": "credits run low",
    "low_disk": "disk is nearly full",
}


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        level: kind of the message; some receivers show it as a colour.
    """

    title: str
    body: str
    level: Literal["failure", "warning", "success", "info"]


def message_of(alert: Alert, phase: Phase, settings: Settings) -> Message:
    """Return the message that reports the start or the end of an alert."""
    title = f"{_TITLES.get(alert.kind, alert.kind)}: {alert.subject}"
    where = f"Where: {alert.place}; on {socket.gethostname()}, home {settings.home}"
    if phase == "clear":
        lines = [
            f"What: resolved. It was: {alert.message}",
            where,
            f"Since: {_moment(alert.since)}, until {_moment(alert.cleared_at or alert.since)}",
            "What to do: nothing",
        ]
        return Message(f"cryptoassets: resolved: {title}", "\n".join(lines), "success")
    lines = [
        f"What: {alert.message}",
        where,
        f"Since: {_moment(alert.since)}",
        f"What to do: {alert.remedy}",
    ]
    if alert.run_id:
        lines.append(f"Run: {settings.dagster_page}/runs/{alert.run_id}")
    level: Literal["failure", "warning"] = "failure" if alert.severity == "error" else "warning"
    return Message(f"cryptoassets: {title}", "\n".join(lines), level)


def outage_message(sentence: str, since: datetime, *, is_over: bool = False) -> Message:
    """Return the message that reports the start or the end of an outage of PostgreSQL.

    During the outage, alerts cannot be evaluated.

    Args:
        sentence: the error.
        since: when the outage was detected.
        is_over: whether PostgreSQL answers again.
    """
    title = "PostgreSQL does not answer"
    over, during = "PostgreSQL answers again. The error was", "alerts cannot be evaluated"
    lines = [
        f"What: {over if is_over else during}: {sentence}",
        f"Where: on {socket.gethostname()}",
        f"Since: {_moment(since)}",
        f"What to do: {'nothing' if is_over else 'cryptoassets status, then cryptoassets up'}",
    ]
    if is_over:
        return Message(f"cryptoassets: resolved: {title}", "\n".join(lines), "success")
    return Message(f"cryptoassets: {title}", "\n".join(lines), "failure")


def trial_message(settings: Settings) -> Message:
    """Return the message that `cryptoassets alerts test` sends."""
    lines = [
        "What: this is a test. Alerts of this platform arrive here",
        f"Where: on {socket.gethostname()}, home {settings.home}",
        f"Since: {_moment(datetime.now(UTC))}",
        "What to do: nothing",
    ]
    return Message("cryptoassets: test message", "\n".join(lines), "info")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
