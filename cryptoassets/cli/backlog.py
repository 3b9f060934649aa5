"""What is fetched and not published yet, and marts that are older than their prices.

What goes here: what `status` asks of the stores. What stays out: the questions themselves (in
`upkeep`), processing (in the verbs).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from cryptoassets.embedded.dead_runs import dead_runs
from cryptoassets.io_managers.address import Window, partition_window
from cryptoassets.io_managers.lake import count_in
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS, SNAPSHOT_FLOW
from cryptoassets.upkeep.days import days_with_older_marts
from cryptoassets.upkeep.in_use import GOING_ON, window_of
from cryptoassets.upkeep.partitions import (
    Partition,
    hours_left_behind,
    ledger_rows,
    partition_of,
)

_FLOWS = {flow.asset: flow for flow in FLOWS}
_FIRST_DAY = date(2018, 1, 1)


@dataclass(frozen=True)
class WaitingPartition:
    """A partition with documents that are in MongoDB and not published to PostgreSQL."""

    asset: str
    partition: str
    documents: int


def waiting_partitions(
    instance: dg.DagsterInstance, mongo: MongoResource, postgres: PostgresResource
) -> list[WaitingPartition]:
    """Partitions with documents that wait to be published, oldest first.

    A partition that a living run works on does not wait.
    """
    busy = list(_worked_on(instance))
    found = []
    for partition in sorted(_not_published(mongo, postgres)):
        flow, (start, end) = _FLOWS[partition.asset], partition.window
        if any(first < end and start < last for first, last in busy):
            continue
        ledger = ledger_rows(postgres, flow, partition.window).get(start)
        documents = count_in(mongo.lake()[flow.raw.name], partition.window)
        documents -= ledger.raw_rows if ledger else 0
        found.append(WaitingPartition(partition.asset, partition.key, documents))
    return found


def stale_mart_days(instance: dg.DagsterInstance, postgres: PostgresResource) -> list[str]:
    """Days whose marts are older than their prices, as ISO dates, oldest first."""
    today = datetime.now(UTC).date()
    return sorted(map(str, days_with_older_marts(instance, postgres, _FIRST_DAY, today)))


def _not_published(mongo: MongoResource, postgres: PostgresResource) -> Iterator[Partition]:
    # The hour that is open now ends within an hour: "left behind" counts it then.
    within_an_hour = datetime.now(UTC) + timedelta(hours=1)
    for key in hours_left_behind(mongo, postgres, within_an_hour):
        yield partition_of(SNAPSHOT_FLOW, partition_window(key)[0])


def _worked_on(instance: dg.DagsterInstance) -> Iterator[Window]:
    dead = {run.run_id for run in dead_runs(instance)}
    for run in instance.get_runs(dg.RunsFilter(statuses=GOING_ON)):
        window = window_of(run)
        # A run of the marts has a day, and publishes no document of it.
        if window and run.job_name != "marts" and run.run_id not in dead:
            yield window
