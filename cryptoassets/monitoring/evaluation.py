"""Evaluates the conditions of alerts once, and sends the messages that are due.

What goes here: the order of the steps, and the lock that lets only one process at a time do them.
What stays out: the steps (in the modules next to this one), when to evaluate (in `watch`).

The state is committed before any message is sent, and each delivery is recorded as soon as it
succeeds. If the process is killed in between, at most the message that it was sending is sent
twice.
"""

from dataclasses import dataclass, field

import dagster as dg

from cryptoassets.monitoring.alert_book import (
    alerts,
    delete_cleared,
    open_keys,
    record_conditions,
    record_runs,
    record_sent,
)
from cryptoassets.monitoring.channels import Channel, channels
from cryptoassets.monitoring.conditions import conditions
from cryptoassets.monitoring.messages import message_of
from cryptoassets.monitoring.signals import Signals, read_signals
from cryptoassets.monitoring.warehouse import Connection
from cryptoassets.resources.locks import hold_exclusive
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import Settings, load_settings

_LOCK = "alerts"


@dataclass
class Evaluation:
    """What one evaluation found and sent.

    Attributes:
        is_skipped: another process was evaluating, so this one did nothing.
        conditions: number of conditions that hold.
        sent: number of messages that were delivered.
        undelivered: why messages were not delivered, one sentence per address.
    """

    is_skipped: bool = False
    conditions: int = 0
    sent: int = 0
    undelivered: list[str] = field(default_factory=list)

    def words(self) -> str:
        """Describe the evaluation in a sentence without a full stop."""
        if self.is_skipped:
            return "another process is evaluating"
        sentence = f"{self.conditions} conditions hold, {self.sent} messages sent"
        return "; ".join([sentence, *self.undelivered])


def evaluate(instance: dg.DagsterInstance, postgres: PostgresResource) -> Evaluation:
    """Read the signals, record which conditions hold, and send the messages that are due.

    Raises:
        SettingsError: an address for alerts cannot be used; the conditions are recorded first.
        StoreError, psycopg.Error, sqlalchemy.exc.SQLAlchemyError: PostgreSQL does not answer.
    """
    settings = load_settings()
    with postgres.connect() as locking, postgres.connect(autocommit=True) as connection:
        if not hold_exclusive(locking, _LOCK):
            return Evaluation(is_skipped=True)
        signals = read_signals(instance, connection, settings)
        return report(connection, signals, settings)


def report(connection: Connection, signals: Signals, settings: Settings) -> Evaluation:
    """Record the conditions that hold given these signals, and send the messages that are due.

    Args:
        connection: in autocommit mode.
        signals: the state of the platform.
        settings: the addresses, and what messages show: the home folder and Dagster's URL.
    """
    found = conditions(signals, open_keys(connection))
    record_runs(connection, signals.runs)
    record_conditions(connection, found)
    result = Evaluation(conditions=len(found))
    receivers = channels(settings.alert_urls)
    for channel in receivers:
        _send(connection, channel, settings, result)
    delete_cleared(connection, [channel.digest for channel in receivers])
    return result


def _send(connection: Connection, channel: Channel, settings: Settings, result: Evaluation) -> None:
    """Send an address the messages that it has not received yet; stop at the first failure.

    The next evaluation continues with the message that failed.
    """
    for alert in alerts(connection):
        for phase in alert.phases_missing_at(channel.digest):
            problem = channel.send(message_of(alert, phase, settings))
            if problem:
                result.undelivered.append(f"{channel.name}: {problem}")
                return
            record_sent(connection, alert, phase, channel.digest)
            result.sent += 1
