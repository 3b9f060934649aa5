"""Partitions with documents that were fetched but not published.

What goes here: finding them for `status`. What stays out: queries to the stores (in `upkeep`),
processing (in `run`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.stores.mongodb import count_in
from cryptoassets.upkeep.in_use import windows_of_live_runs
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
    busy = list(windows_of_live_runs(instance))
    found = []
    for flow in FLOWS:
        now = datetime.now(UTC)
        for partition in partitions_waiting(mongo, postgres, flow, now, is_estimate_enough=True):
            if any(window.overlaps(partition.window) for window in busy):
                continue
            ledger = ledger_rows(postgres, flow, partition.window).get(partition.window.start)
            documents = count_in(mongo.lake()[flow.raw.name], partition.window)
            documents -= ledger.raw_rows if ledger else 0
            found.append(WaitingPartition(partition.asset, partition.key, documents))
    return found
