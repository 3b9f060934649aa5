"""Partitions with documents that were fetched but not published.

What goes here: finding them for `status`. What stays out: queries to the stores (in `upkeep`),
processing (in `run`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.embedded.dead_runs import dead_runs
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.stores.mongodb import count_in
from cryptoassets.upkeep.in_use import UNFINISHED_STATUSES, window_of
from cryptoassets.upkeep.partitions import ledger_rows, partitions_waiting


@dataclass(frozen=True)
class WaitingPartition:
    """A partition with documents that are in MongoDB and not published to PostgreSQL."""

    asset: str
    partition: str
    documents: int


def waiting_partitions(
    instance: dg.DagsterInstance, mongo: MongoResource, postgres: PostgresResource
) -> list[WaitingPartition]:
    """Partitions with documents that wait to be published, flow by flow, oldest first.

    Partitions that a live run is processing are left out.
    """
    busy = list(_windows_of_live_runs(instance))
    found = []
    for flow in FLOWS:
        now = datetime.now(UTC)
        for partition in partitions_waiting(mongo, postgres, flow, now, is_estimate_enough=True):
            start, end = partition.window
            if any(first < end and start < last for first, last in busy):
                continue
            ledger = ledger_rows(postgres, flow, partition.window).get(start)
            documents = count_in(mongo.lake()[flow.raw.name], partition.window)
            documents -= ledger.raw_rows if ledger else 0
            found.append(WaitingPartition(partition.asset, partition.key, documents))
    return found


def _windows_of_live_runs(instance: dg.DagsterInstance) -> Iterator[Span]:
    dead = {run.run_id for run in dead_runs(instance)}
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED_STATUSES)):
        window = window_of(run)
        # A run of `marts` also has a partition, a day, but publishes no documents.
        if window and run.job_name != "marts" and run.run_id not in dead:
            yield window
