"""The operation `status`: last runs, assets, checks, waiting documents, credits and disk space.

What goes here: gathering this information. What stays out: the tables that are printed (in
`cli.status_tables`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.embedded import dagster_instance
from cryptoassets.facts import Fact, facts_of
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets.monitoring.check_results import CheckStatus, latest_checks
from cryptoassets.monitoring.credits import CreditStatus, read_credits
from cryptoassets.monitoring.disk import disk_space
from cryptoassets.monitoring.last_runs import LastRun, failures, last_runs
from cryptoassets.monitoring.warehouse import Connection
from cryptoassets.operations.backlog import WaitingPartition, waiting_partitions
from cryptoassets.operations.disk_use import disk_use
from cryptoassets.operations.freshness import Freshness, read_freshness
from cryptoassets.operations.last_publications import Publication, last_publications
from cryptoassets.operations.session import open_running_stores
from cryptoassets.operations.store_counts import StoreCount, store_counts
from cryptoassets.schemas import COIN_PRICES, FLOWS, asset_keys
from cryptoassets.schemas.flows.snapshots import FRESH_WITHIN
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.earlier_data import earlier_publications

_MATERIALIZATIONS_READ = 5
"""How many of the newest materializations are searched for the clock difference, which may be
missing in some of them."""


@dataclass(frozen=True)
class AssetStatus:
    """One asset; a value is None if the asset was never materialized or has no limit.

    Attributes:
        rows: row count of the last materialization of the newest partition.
        last_partition: the newest partition that was materialized.
        materialized_at: when it was last materialized: an ISO time in UTC.
        age_seconds: seconds since `materialized_at`.
        fresh_within_seconds: how old the newest row may be.
        is_fresh: whether the newest row is young enough, see `operations.freshness`.
    """

    asset: str
    rows: int | None
    last_partition: str | None
    materialized_at: str | None
    age_seconds: float | None
    fresh_within_seconds: float | None
    is_fresh: bool | None


@dataclass(frozen=True)
class Status:
    """What `status` shows; the field names are the keys of `status --json`.

    Attributes:
        failed_runs: failures among the newest run and the last `ingest`, `process` and `marts`.
        last_publications: the newest records of `warehouse.load_history`, newest first.
        waiting: partitions with documents that were fetched but not published.
        earlier_data: a sentence about data from before the first partition; None: no such data.
        clock_difference_seconds: how far the source's clock is ahead of this machine's; None:
            unknown.
        freshness: how fresh the prices are.
        disk_bytes: total size of the home folder, the cleaned files and the databases.
    """

    home: str
    source: str
    last_runs: list[LastRun]
    failed_runs: list[LastRun]
    last_publications: list[Publication]
    waiting: list[WaitingPartition]
    documents_waiting: int
    stale_mart_days: list[str]
    earlier_data: str | None
    clock_difference_seconds: float | None
    freshness: Freshness
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
    """Gather the status without starting or changing anything.

    Raises:
        StoreNotRunningError: an embedded store is stopped.
    """
    with (
        open_running_stores() as stores,
        dagster_instance() as instance,
        stores.postgres.connect(autocommit=True) as connection,
    ):
        settings, stack = stores.settings, stores.stack
        runs = last_runs(instance)
        waiting = waiting_partitions(instance, stores.mongo, stores.postgres)
        return Status(
            home=str(stack.home),
            source=stack.source,
            last_runs=runs,
            failed_runs=failures(runs),
            last_publications=last_publications(stores.postgres),
            waiting=waiting,
            documents_waiting=sum(partition.documents for partition in waiting),
            stale_mart_days=[str(day) for day in stale_mart_days(stores.postgres)],
            earlier_data=earlier_publications(stores.postgres),
            clock_difference_seconds=_clock_difference(instance),
            freshness=read_freshness(connection, COIN_PRICES, FRESH_WITHIN),
            assets=_assets(instance, connection),
            checks=latest_checks(instance),
            stores=store_counts(stores),
            credits=read_credits(
                connection, settings.coincap_monthly_credits, settings.coincap_coins
            ),
            disk_bytes=disk_use(stores, connection),
            disk_free_bytes=disk_space(settings.home).free_bytes,
        )


def _clock_difference(instance: dg.DagsterInstance) -> float | None:
    """Return how far the source's clock was ahead of this machine's at the newest fetch."""
    for record in instance.fetch_materializations(
        RAW_SNAPSHOTS, limit=_MATERIALIZATIONS_READ
    ).records:
        materialization = record.asset_materialization
        facts = facts_of(materialization.metadata) if materialization else {}
        if facts.get(Fact.CLOCK_DIFFERENCE_SECONDS) is not None:
            return float(facts[Fact.CLOCK_DIFFERENCE_SECONDS])
    return None


def _assets(instance: dg.DagsterInstance, connection: Connection) -> list[AssetStatus]:
    # The asset graph has the same keys and limits, but importing it takes half a second.
    now = datetime.now(UTC)
    flows = {flow.asset: flow for flow in FLOWS}
    found = []
    for name in asset_keys():
        flow = flows.get(name)
        allowed = flow.fresh_within if flow else None
        record = _newest(instance, dg.AssetKey.from_user_string(name))
        at = datetime.fromtimestamp(record.timestamp, UTC) if record else None
        age = (now - at).total_seconds() if at else None
        newest = record.asset_materialization if record else None
        rows = newest.metadata.get("dagster/partition_row_count") if newest else None
        row_count = rows.value if isinstance(rows, dg.IntMetadataValue) else None
        found.append(
            AssetStatus(
                asset=name,
                rows=row_count,
                last_partition=record.partition_key if record else None,
                materialized_at=at.isoformat(timespec="seconds") if at else None,
                age_seconds=round(age, 1) if age is not None else None,
                fresh_within_seconds=allowed.total_seconds() if allowed else None,
                is_fresh=read_freshness(connection, flow.published, allowed).is_fresh
                if flow and allowed
                else None,
            )
        )
    return found


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.EventLogRecord | None:
    """Return the newest partition's last materialization; rebuilt older ones do not count."""
    partition = max(instance.get_materialized_partitions(key), default=None)
    if partition is None:
        return None
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0] if records else None
