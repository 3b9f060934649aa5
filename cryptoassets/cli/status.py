"""The verb `status`: last runs; per asset rows, last partition and age; checks; credits; disk.

What goes here: gathering. Freshness is computed here as well as by Dagster's daemon, because a
laptop has none. What stays out: the tables that a person sees (in `status_tables`).
"""

import contextlib
import json
import os
import shutil
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cryptoassets.cli.backlog import waiting_partitions
from cryptoassets.cli.facts import store_counts
from cryptoassets.cli.last_runs import failures, last_runs
from cryptoassets.cli.status_tables import print_status
from cryptoassets.cli.terminal import FAILED
from cryptoassets.coincap.credits import Budget
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import Settings, load_settings
from cryptoassets.upkeep.days import stale_mart_days

if TYPE_CHECKING:
    import dagster as dg


_LOOKED_BACK = 5
"""Materializations: those of late documents note no clock."""


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


def show_status(console: Console, *, as_json: bool) -> int:
    """Print the status, as tables or as JSON; return the exit code."""
    settings = load_settings()
    stack = Stack(settings)
    mongo = MongoResource()
    with dagster_instance() as instance, closing(mongo.lake().client):
        runs = last_runs(instance)
        waiting = waiting_partitions(instance, mongo, PostgresResource())
        facts: dict[str, Any] = {
            "home": str(stack.home),
            "source": stack.source,
            "last_runs": [asdict(run) for run in runs],
            "failed_runs": [asdict(run) for run in failures(runs)],
            "waiting": [asdict(partition) for partition in waiting],
            "documents_waiting": sum(partition.documents for partition in waiting),
            "stale_mart_days": [str(day) for day in stale_mart_days(PostgresResource())],
            "clock_difference_seconds": _clock_difference(instance),
            "assets": [asdict(asset) for asset in _assets(instance)],
            "checks": [asdict(check) for check in _checks(instance)],
            "stores": [asdict(count) for count in store_counts()],
            "credits": _credits(settings),
            "disk_bytes": _disk_bytes(settings.home),
            "disk_free_bytes": shutil.disk_usage(_existing(settings.home)).free,
        }
    if as_json:
        print(json.dumps(facts, indent=2))  # noqa: T201 - for programs: no wrapping, no markup
    else:
        print_status(console, facts)
    return FAILED if facts["failed_runs"] or waiting else 0


def _clock_difference(instance: "dg.DagsterInstance") -> float | None:
    """Seconds between the source's clock and ours, as one of the last fetches noted them."""
    from cryptoassets.coincap.clocks import CLOCK_FACT
    from cryptoassets.jobs import RAW_SNAPSHOTS

    for record in instance.fetch_materializations(RAW_SNAPSHOTS, limit=_LOOKED_BACK).records:
        made = record.asset_materialization
        noted = made.metadata.get(CLOCK_FACT) if made else None
        if noted is not None and noted.value is not None:
            return float(str(noted.value))
    return None


def _assets(instance: "dg.DagsterInstance") -> list[AssetStatus]:
    import dagster as dg

    from cryptoassets.definitions import defs

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


def _newest(instance: "dg.DagsterInstance", key: "dg.AssetKey") -> "dg.EventLogRecord | None":
    """The last materialization of the newest partition; an old hour made again is not news."""
    import dagster as dg

    partition = max(instance.get_materialized_partitions(key), default=None)
    if partition is None:
        return None
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0] if records else None


def _fresh_within(policy: "dg.FreshnessPolicy | None") -> float | None:
    window = getattr(policy, "fail_window", None)
    return window.to_timedelta().total_seconds() if window else None


def _checks(instance: "dg.DagsterInstance") -> list[CheckStatus]:
    import dagster as dg
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

    from cryptoassets.definitions import defs

    # A run that is at work, or was killed, leaves checks that it planned and did not evaluate.
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


def _credits(settings: Settings) -> dict[str, Any]:
    connect = PostgresResource().connect
    keeper = PostgresCreditKeeper(connect, settings.coincap_monthly_credits, "paced")
    now = datetime.now(UTC)
    budget, today = keeper.budget(now), keeper.spent_since(now - timedelta(days=1))
    return {
        "monthly": budget.monthly,
        "spent": budget.spent,
        "left": budget.left if budget.is_limited else None,
        "reserve": budget.reserve,
        "kept_for_snapshots": budget.kept_from_history - budget.reserve,
        "next_fetch_at": budget.next_fetch_at.isoformat(timespec="seconds"),
        "spent_today": today,
        "lasts_until": _lasts_until(budget, today),
    }


def _lasts_until(budget: Budget, today: int) -> str | None:
    """When the reserve is met at the pace of the last 24 hours; None: not in this month."""
    if not (budget.is_limited and today):
        return None
    days = max(0, budget.left - budget.reserve) / today
    end = budget.now + timedelta(days=days)
    return end.isoformat(timespec="seconds") if end < budget.next_month else None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _disk_bytes(home: Path) -> int:
    """Size of what lies below our home, files that vanish meanwhile left out."""
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
