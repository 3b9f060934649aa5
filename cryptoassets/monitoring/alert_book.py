"""The state of alerts in PostgreSQL: open conditions, and which messages each address received.

What goes here: the tables `warehouse.alerts` and `warehouse.last_runs`. What stays out: deciding
which conditions hold (in `conditions`), sending messages (in `channels`). Callers that write hold
the lock that `evaluation` takes, so only one process writes at a time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from cryptoassets.monitoring.conditions import Condition
from cryptoassets.monitoring.last_runs import LastRun
from cryptoassets.monitoring.warehouse import Connection

Phase = Literal["start", "clear"]

_OPEN = "SELECT kind, subject FROM warehouse.alerts WHERE cleared_at IS NULL"
# While a condition is open, its description may change, but not the time when it began.
_KEEP = """
    INSERT INTO warehouse.alerts (
        kind, subject, opened_at, since, severity, message, place, remedy, run_id, cleared_at,
        start_sent_to, clear_sent_to
    )
    VALUES (
        %(kind)s, %(subject)s, clock_timestamp(), %(since)s, %(severity)s, %(what)s, %(where)s,
        %(remedy)s, %(run_id)s, NULL, '{}', '{}'
    )
    ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO UPDATE SET
        severity = EXCLUDED.severity, message = EXCLUDED.message, place = EXCLUDED.place,
        remedy = EXCLUDED.remedy, run_id = EXCLUDED.run_id
"""
_CLEAR = """
    UPDATE warehouse.alerts SET cleared_at = clock_timestamp()
    WHERE (kind, subject) = (%s, %s) AND cleared_at IS NULL
"""
_ALERTS = """
    SELECT kind, subject, opened_at, since, severity, message, place, remedy, run_id, cleared_at,
        start_sent_to, clear_sent_to
    FROM warehouse.alerts ORDER BY opened_at, kind, subject
"""
_SENT = {
    "start": "UPDATE warehouse.alerts SET start_sent_to = start_sent_to || %s "
    "WHERE (kind, subject, opened_at) = (%s, %s, %s)",
    "clear": "UPDATE warehouse.alerts SET clear_sent_to = clear_sent_to || %s "
    "WHERE (kind, subject, opened_at) = (%s, %s, %s)",
}
# If an address has not accepted the all-clear within a week, the address is probably wrong, and
# the message is outdated.
_FORGET = """
    DELETE FROM warehouse.alerts
    WHERE clear_sent_to @> %(addresses)s AND cleared_at IS NOT NULL
        OR cleared_at < now() - interval '7 days'
"""
_LAST_RUN = """
    INSERT INTO warehouse.last_runs
        (job, run_id, partition_key, outcome, ended_at, duration_seconds)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (job) DO UPDATE SET
        run_id = EXCLUDED.run_id, partition_key = EXCLUDED.partition_key,
        outcome = EXCLUDED.outcome, ended_at = EXCLUDED.ended_at,
        duration_seconds = EXCLUDED.duration_seconds
    WHERE last_runs.run_id <> EXCLUDED.run_id OR last_runs.outcome <> EXCLUDED.outcome
"""


@dataclass(frozen=True)
class Alert:
    """A row of `warehouse.alerts`: a condition that is open, or has messages left to send."""

    kind: str
    subject: str
    opened_at: datetime
    since: datetime
    severity: str
    message: str
    place: str
    remedy: str
    run_id: str | None
    cleared_at: datetime | None
    start_sent_to: list[str]
    clear_sent_to: list[str]

    def phases_missing_at(self, address: str) -> list[Phase]:
        """Return the phases whose message an address has not received yet, in order."""
        missing: list[Phase] = []
        if address not in self.start_sent_to:
            missing.append("start")
        if self.cleared_at is not None and address not in self.clear_sent_to:
            missing.append("clear")
        return missing


def open_keys(connection: Connection) -> set[tuple[str, str]]:
    """Return the kind and subject of each open condition."""
    return set(connection.execute(_OPEN).fetchall())


def record_conditions(connection: Connection, found: Collection[Condition]) -> None:
    """Record the conditions that hold, and clear all others, in one transaction."""
    with connection.transaction():
        for kind, subject in open_keys(connection) - {condition.key for condition in found}:
            connection.execute(_CLEAR, [kind, subject])
        for condition in found:
            connection.execute(_KEEP, vars(condition))


def record_runs(connection: Connection, runs: Sequence[LastRun]) -> None:
    """Store each job's last run for `/metrics`, which cannot read Dagster's own tables."""
    with connection.transaction():
        for run in runs:
            row = [run.job, run.run_id, run.partition, run.outcome, run.ended_at, run.seconds]
            connection.execute(_LAST_RUN, row)


def alerts(connection: Connection) -> list[Alert]:
    """Return all alerts that are open or have messages left to send, oldest first."""
    with connection.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(_ALERTS).fetchall()


def record_sent(connection: Connection, alert: Alert, phase: Phase, address: str) -> None:
    """Record that an address received the message of a phase."""
    connection.execute(_SENT[phase], [[address], alert.kind, alert.subject, alert.opened_at])


def delete_cleared(connection: Connection, addresses: Sequence[str]) -> None:
    """Delete alerts whose all-clear every address has received, or that cleared a week ago."""
    connection.execute(_FORGET, {"addresses": list(addresses)})
