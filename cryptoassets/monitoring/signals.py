"""The signals of the platform's health, from which alerts are evaluated.

What goes here: gathering the signals. What stays out: reading each signal (in the modules next to
this one), deciding which signals need attention (in `conditions`).
"""

from dataclasses import dataclass

import dagster as dg

from cryptoassets.embedded import Stack
from cryptoassets.errors import SourceUnavailableError
from cryptoassets.monitoring.check_results import CheckStatus, latest_checks
from cryptoassets.monitoring.credits import CreditStatus, read_credits
from cryptoassets.monitoring.disk import DiskSpace, disk_space
from cryptoassets.monitoring.failed_runs import unresolved_failures
from cryptoassets.monitoring.last_runs import LastRun, last_runs
from cryptoassets.monitoring.warehouse import (
    Connection,
    NewestRow,
    OpenGaps,
    newest_row,
    open_gaps,
)
from cryptoassets.schemas import COIN_PRICES
from cryptoassets.settings import Settings


@dataclass(frozen=True)
class Signals:
    """The state of the platform at one moment.

    Attributes:
        source: kind of the source of the data, e.g. `simulator`.
        interval: interval between points of the history, e.g. `h1`.
        runs: the last run of each job.
        failed_runs: failed runs that no later run has made up for, oldest first.
        checks: the latest evaluation of each check.
    """

    source: str
    interval: str
    runs: list[LastRun]
    failed_runs: list[LastRun]
    checks: list[CheckStatus]
    price: NewestRow
    gaps: OpenGaps
    credits: CreditStatus
    disk: DiskSpace


def read_signals(
    instance: dg.DagsterInstance, connection: Connection, settings: Settings
) -> Signals:
    """Read all signals; changes nothing.

    Args:
        instance: contains runs and evaluations of checks.
        connection: its role must be allowed to read `warehouse`.
        settings: the home folder, credits per month, coins in a snapshot, interval of the history.
    """
    return Signals(
        source=_source(settings),
        interval=settings.coincap_history_interval,
        runs=last_runs(instance),
        failed_runs=unresolved_failures(instance),
        checks=latest_checks(instance),
        price=newest_row(connection, COIN_PRICES),
        gaps=open_gaps(connection, settings.coincap_history_interval),
        credits=read_credits(connection, settings.coincap_monthly_credits, settings.coincap_coins),
        disk=disk_space(settings.home),
    )


def _source(settings: Settings) -> str:
    try:
        return Stack(settings).source
    except SourceUnavailableError:
        # Only the server at COINCAP_URL could report its kind, and it has never answered.
        return "unknown"
