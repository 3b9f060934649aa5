"""What checks and `audit` ask the stores: ids and ledger of a partition, recent prices.

What goes here: reads across stores. What stays out: what the answers mean (in `transforms`).
"""

from collections import defaultdict
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds
from psycopg import sql

from cryptoassets.io_managers.publishing import in_window as within
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import COIN_PRICES, Flow, Table
from cryptoassets.stores.copying import copy_out
from cryptoassets.stores.documents import lake_id
from cryptoassets.stores.mongodb import in_window
from cryptoassets.transforms.reconciliation import Ledger, Places, discrepancies, stored_id

PAST_OF_MOVES = timedelta(hours=24)
# Less than the 5 minutes of schedules, whose snapshots are all looked at; divides the 23 hours.
STEP_OF_MOVES = timedelta(minutes=4)
WHOLE_OF_MOVES = timedelta(hours=1)
# The pages of one snapshot come within it.
SNAPSHOT_SPAN = timedelta(seconds=30)
# A document that is inserted while an hour is being published is younger than this at that moment.
SETTLING = timedelta(minutes=2)

_OBSERVED = Table(
    "warehouse",
    "coin_prices",
    "What the behaviour of prices is judged by.",
    tuple(c for c in COIN_PRICES.columns if c.name in ("coin_id", "observed_at", "price_usd")),
    COIN_PRICES.key,
)


class Reconciled(NamedTuple):
    """What does not add up in a partition; how many documents it has, and how many just came."""

    problems: list[str]
    documents: int
    waiting: int


def partition_places(
    mongo: MongoResource,
    postgres: PostgresResource,
    flow: Flow,
    judged: ds.Dataset | None,
    window: Span,
) -> Places:
    """Ask each store which documents of a partition it holds.

    Args:
        mongo: the lake.
        postgres: the warehouse.
        flow: the kind of document.
        judged: the cleaned partition; None: there is none.
        window: one partition.
    """
    partition = [flow.asset, partition_name(window)]
    loaded = sql.SQL("SELECT raw_id FROM {} WHERE {}").format(
        sql.Identifier(flow.published.schema, flow.published.name),
        within("observed_at", window),
    )
    with postgres.connect() as connection:
        loaded_ids = {row[0] for row in connection.execute(loaded)}
        quarantined = connection.execute(
            "SELECT raw_id FROM warehouse.quarantine WHERE asset = %s AND partition_key = %s",
            partition,
        )
        quarantined_ids = {row[0] for row in quarantined}
        ledger = connection.execute(
            "SELECT raw_rows, loaded_rows, quarantined_rows, superseded_rows "
            "FROM warehouse.loads WHERE asset = %s AND partition_key = %s",
            partition,
        ).fetchone()
    return Places(
        raw=raw_ids(mongo, flow, window),
        clean=clean_ids(judged),
        loaded=loaded_ids,
        quarantined=quarantined_ids,
        ledger=Ledger(*ledger) if ledger else None,
    )


def raw_ids(mongo: MongoResource, flow: Flow, window: Span) -> set[str]:
    """Ids of the raw documents of a partition, as PostgreSQL stores them."""
    raw = mongo.lake()[flow.raw.name].find(in_window(window), {"_id": 1})
    return {stored_id(lake_id(document["_id"])) for document in raw}


def clean_ids(judged: ds.Dataset | None) -> dict[str, AbstractSet[str]]:
    """Ids of the cleaned rows of a partition by outcome; None: it is missing."""
    clean: dict[str, set[str]] = defaultdict(set)
    for batch in judged.to_batches(columns=["raw_id", "outcome"]) if judged is not None else ():
        for raw_id, outcome in zip(*map(pa.Array.to_pylist, batch.columns), strict=True):
            clean[outcome].add(stored_id(raw_id))
    return dict(clean)


def unsettled_ids(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, window: Span
) -> set[str]:
    """Ids of documents that came while the partition was being published, or after."""
    with postgres.connect() as connection:
        published = connection.execute(
            "SELECT loaded_at FROM warehouse.loads WHERE asset = %s AND partition_key = %s",
            [flow.asset, partition_name(window)],
        ).fetchone()
    if published is None:
        return set()
    since = {"fetched_at": {"$gte": published[0] - SETTLING}}
    young = mongo.lake()[flow.raw.name].find(in_window(window) | since, {"_id": 1})
    return {stored_id(lake_id(document["_id"])) for document in young}


def reconcile(
    mongo: MongoResource,
    postgres: PostgresResource,
    flow: Flow,
    judged: ds.Dataset | None,
    window: Span,
) -> Reconciled:
    """Compare what the stores hold of a partition; arguments as for `partition_places`."""
    places = partition_places(mongo, postgres, flow, judged, window)
    waiting: set[str] = set()
    if places.unprocessed:
        # What another run fetched while this one published is not lost: its own run comes.
        waiting = unsettled_ids(mongo, postgres, flow, window) & places.unprocessed
    return Reconciled(discrepancies(places.without(waiting)), len(places.raw), len(waiting))


def recent_prices(postgres: PostgresResource, before: datetime) -> pa.Table:
    """Prices of the 24 hours before a moment: coin_id, observed_at, price_usd.

    Of micro-batches not all: what was observed in the newest minutes, and before that one snapshot
    each few minutes, or a day of 2,000 coins a minute would be 2.9 million rows.
    """
    query = sql.SQL(
        "SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices WHERE {whole} UNION ALL "
        "SELECT prices.coin_id, prices.observed_at, prices.price_usd "
        "FROM generate_series({start}::timestamptz, {recent} - {step}, {step}) AS step "
        "CROSS JOIN LATERAL (SELECT min(observed_at) AS first FROM warehouse.coin_prices "
        "WHERE observed_at >= step AND observed_at < step + {step}) AS snapshot "
        "JOIN warehouse.coin_prices AS prices ON prices.observed_at >= snapshot.first "
        # Not below the lesser of the two: no index is read up to that, but to the table's end.
        "AND prices.observed_at < snapshot.first + {span} AND prices.observed_at < step + {step}"
    ).format(
        whole=within("observed_at", (before - WHOLE_OF_MOVES, before)),
        start=sql.Literal(before - PAST_OF_MOVES),
        recent=sql.Literal(before - WHOLE_OF_MOVES),
        step=sql.Literal(STEP_OF_MOVES),
        span=sql.Literal(SNAPSHOT_SPAN),
    )
    with postgres.connect() as connection, connection.cursor() as cursor:
        return copy_out(cursor, _OBSERVED, query)
