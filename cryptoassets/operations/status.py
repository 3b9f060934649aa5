"""The operation `status`: last runs, assets, checks, what waits, credits and disk space.

What goes here: gathering it. Freshness is computed here as well as by Dagster's daemon, because a
laptop has no daemon. What stays out: the tables that a person sees (in `cli.status_tables`).
"""

import contextlib
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from cryptoassets.coincap.clocks import CLOCK_FACT
from cryptoassets.coincap.credits import Budget
from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets.operations.backlog import WaitingPartition, waiting_partitions
from cryptoassets.operations.last_runs import LastRun, failures, last_runs
from cryptoassets.operations.session import Stores, open_running_stores
from cryptoassets.operations.store_counts import StoreCount, store_counts
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.upkeep.days import stale_mart_days

_MATERIALIZATIONS_READ = 5
"""Newest materializations among which one notes the source's clock; late documents note none."""


@dataclass(frozen=True)
class AssetStatus:
    """One asset; times are ISO, UTC; ages in seconds. None: never materialized, or no policy."""

    asset: str
    rows: int | None
    last_partition: str | None
    materialized_at: str | None
    age_seconds: float | None
    fresh_within_seconds: float | None
    is_fresh: bool | None


@dataclass(frozen=True)
class CheckStatus:
    """The latest evaluation of a check."""

    asset: str
    name: str
    partition: str | None
    passed: bool
    severity: str
    description: str | None
    evaluated_at: str


@dataclass(frozen=True)
class CreditStatus:
    """CoinCap's credits this month; times are ISO, UTC.

    Attributes:
        left: None: the plan has no limit.
        lasts_until: when the reserve is reached at the pace of the last 24 hours; None: not in
            this month.
    """

    monthly: int
    spent: int
    left: int | None
    reserve: int
    kept_for_snapshots: int
    next_fetch_at: str
    spent_today: int
    lasts_until: str | None


@dataclass(frozen=True)
class Status:
    """What `status` shows; the names are those of `status --json`.

    Attributes:
        failed_runs: those of the last runs that failed and still matter.
        waiting: partitions with documents that are fetched and not published.
        clock_difference_seconds: between the source's clock and this machine's; None: unknown.
        disk_bytes: used below the home.
    """

    home: str
    source: str
    last_runs: list[LastRun]
    failed_runs: list[LastRun]
    waiting: list[WaitingPartition]
    documents_waiting: int
    stale_mart_days: list[str]
    clock_difference_seconds: float | None
    assets: list[AssetStatus]
    checks: list[CheckStatus]
    stores: list[StoreCount]
    credits: CreditStatus
    disk_bytes: int
    disk_free_bytes: int

    @property
    def is_healthy(self) -> bool:
        """Whether no run failed and nothing waits to be published."""
        return not (self.failed_runs or self.waiting)


def read_status() -> Status:
    """Gather the status; starts and changes nothing.

    Raises:
        StoreNotRunningError: an embedded store is stopped.
    """
    with open_running_stores() as stores, dagster_instance() as instance:
        settings, stack = stores.settings, stores.stack
        runs = last_runs(instance)
        waiting = waiting_partitions(instance, stores.mongo, stores.postgres)
        return Status(
            home=str(stack.home),
            source=stack.source,
            last_runs=runs,
            failed_runs=failures(runs),
            waiting=waiting,
            documents_waiting=sum(partition.documents for partition in waiting),
            stale_mart_days=[str(day) for day in stale_mart_days(stores.postgres)],
            clock_difference_seconds=_clock_difference(instance),
            assets=_assets(instance),
            checks=_checks(instance),
            stores=store_counts(stores),
            credits=_credits(stores),
            disk_bytes=_disk_bytes(settings.home),
            disk_free_bytes=shutil.disk_usage(_existing(settings.home)).free,
        )


def _clock_difference(instance: dg.DagsterInstance) -> float | None:
    """Seconds between the source's clock and this machine's, as one of the last fetches noted."""
    for record in instance.fetch_materializations(
        RAW_SNAPSHOTS, limit=_MATERIALIZATIONS_READ
    ).records:
        made = record.asset_materialization
        noted = made.metadata.get(CLOCK_FACT) if made else None
        if noted is not None and noted.value is not None:
            return float(str(noted.value))
    return None


def _assets(instance: dg.DagsterInstance) -> list[AssetStatus]:
    now = datetime.now(UTC)
    graph = defs.resolve_asset_graph()
    found = []
    for key in sorted(graph.get_all_asset_keys(), key=str):
        policy = graph.get(key).freshness_policy
        within = _fresh_within(policy)
        record = _newest(instance, key)
        at = datetime.fromtimestamp(record.timestamp, UTC) if record else None
        age = (now - at).total_seconds() if at else None
        made = record.asset_materialization if record else None
        rows = made.metadata.get("dagster/partition_row_count") if made else None
        row_count = rows.value if isinstance(rows, dg.IntMetadataValue) else None
        found.append(
            AssetStatus(
                asset=key.to_user_string(),
                rows=row_count,
                last_partition=record.partition_key if record else None,
                materialized_at=at.isoformat(timespec="seconds") if at else None,
                age_seconds=round(age, 1) if age is not None else None,
                fresh_within_seconds=within,
                is_fresh=age is not None and age <= within if within else None,
            )
        )
    return found


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.EventLogRecord | None:
    """The last materialization of the newest partition; an old hour made again does not count."""
    partition = max(instance.get_materialized_partitions(key), default=None)
    if partition is None:
        return None
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0] if records else None


def _fresh_within(policy: dg.FreshnessPolicy | None) -> float | None:
    window = getattr(policy, "fail_window", None)
    return window.to_timedelta().total_seconds() if window else None


def _checks(instance: dg.DagsterInstance) -> list[CheckStatus]:
    # A run that is going on, or was killed, leaves checks that were planned and not evaluated.
    ended = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
    found = []
    for key in sorted(defs.resolve_asset_graph().asset_check_keys, key=str):
        records = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, status=ended
        )
        evaluation = records[0].evaluation if records else None
        if not isinstance(evaluation, dg.AssetCheckEvaluation):
            continue
        at = datetime.fromtimestamp(records[0].create_timestamp, UTC)
        found.append(
            CheckStatus(
                asset=key.asset_key.to_user_string(),
                name=key.name,
                partition=evaluation.partition,
                passed=evaluation.passed,
                severity=evaluation.severity.value,
                description=evaluation.description,
                evaluated_at=at.isoformat(timespec="seconds"),
            )
        )
    return found


def _credits(stores: Stores) -> CreditStatus:
    monthly = stores.settings.coincap_monthly_credits
    keeper = PostgresCreditKeeper(stores.postgres.connect, monthly, "paced")
    now = datetime.now(UTC)
    budget, today = keeper.budget(now), keeper.spent_since(now - timedelta(days=1))
    return CreditStatus(
        monthly=budget.monthly,
        spent=budget.spent,
        left=budget.left if budget.is_limited else None,
        reserve=budget.reserve,
        kept_for_snapshots=budget.kept_from_history - budget.reserve,
        next_fetch_at=budget.next_fetch_at.isoformat(timespec="seconds"),
        spent_today=today,
        lasts_until=_lasts_until(budget, today),
    )


def _lasts_until(budget: Budget, today: int) -> str | None:
    """When the reserve is reached at the pace of the last 24 hours; None: not in this month."""
    if not (budget.is_limited and today):
        return None
    days = max(0, budget.left - budget.reserve) / today
    end = budget.now + timedelta(days=days)
    return end.isoformat(timespec="seconds") if end < budget.next_month else None


def _existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _disk_bytes(home: Path) -> int:
    """Bytes of all files below the home; files that vanish meanwhile do not count."""
    total, folders = 0, [str(home)]
    while folders:
        # Not Path.rglob(), which takes three times as long.
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return total
