"""Reconciles the stores: every raw document of a partition must end up in exactly one place.

What goes here: comparing counts, checksums and ids. The ids in the data lake and in Parquet are
copied to PostgreSQL in batches and compared there, because a partition may be larger than the
driver's memory. What stays out: the messages (in `transforms.reconciliation`), comparing values
(in `values`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, LiteralString, NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
from psycopg import sql

from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow
from cryptoassets.stores.checksums import rows_checksum, rows_in_checksum
from cryptoassets.stores.clean_checksums import sealed_checksum
from cryptoassets.stores.clean_folders import (
    clean_partition,
    file_parts,
    folder_of,
)
from cryptoassets.stores.copying import copy_in
from cryptoassets.stores.documents import lake_id
from cryptoassets.stores.ledger import ledger_row
from cryptoassets.stores.mongodb import count_in, in_window
from cryptoassets.stores.publishing import in_window as within
from cryptoassets.transforms.outcomes import storable_ids
from cryptoassets.transforms.reconciliation import Counts, difference, ledger_differences

# The longest time between fetching a document and inserting it into MongoDB.
MAX_INSERT_DELAY = timedelta(minutes=2)
NOT_PROCESSED = "raw documents have not been processed yet"
NO_DOCUMENT = "cleaned rows have no raw document"
_IDS_PER_BATCH = 10_000

_TABLES = """
    CREATE TEMPORARY TABLE raw_places (raw_id text, is_young boolean) ON COMMIT DROP;
    CREATE TEMPORARY TABLE clean_places (raw_id text, outcome text) ON COMMIT DROP
"""
_IDS: dict[str, LiteralString] = {
    "raw": "SELECT raw_id FROM raw_places",
    "judged": "SELECT raw_id FROM clean_places",
    "valid": "SELECT raw_id FROM clean_places WHERE outcome = 'valid'",
    "quarantined": "SELECT raw_id FROM clean_places WHERE outcome = 'quarantined'",
    "loaded": "SELECT raw_id FROM {table} WHERE {scope}",
    "refused": (
        "SELECT raw_id FROM warehouse.quarantine WHERE asset = {asset} AND partition_key = {key}"
    ),
}
"""Queries for the ids in each place: the data lake, Parquet, the table and the quarantine."""
_DIFFERENCES: dict[LiteralString, str] = {
    # If another run fetched a document during this publication, that run will process it.
    "{raw} WHERE NOT is_young EXCEPT {judged}": NOT_PROCESSED,
    "{judged} EXCEPT {raw}": NO_DOCUMENT,
    "{valid} EXCEPT {loaded}": "valid rows are missing from the table",
    "{loaded} EXCEPT {valid}": "rows of the table are not valid rows of the cleaned partition",
    "{quarantined} EXCEPT {refused}": "quarantined rows are missing from the quarantine",
    "{refused} EXCEPT {quarantined}": (
        "rows of the quarantine are not quarantined rows of the cleaned partition"
    ),
    "{loaded} INTERSECT {refused}": "documents are both loaded and quarantined",
}
_COUNTED = """
    WITH ids AS ({ids}) SELECT (SELECT count(*) FROM ids),
        ARRAY(SELECT raw_id FROM ids ORDER BY raw_id COLLATE "C" LIMIT 3)
"""
_ACTUAL = """
    SELECT (SELECT count(DISTINCT (raw_id, outcome)) FROM clean_places),
        (SELECT count(DISTINCT raw_id) FROM ({loaded}) AS ids),
        (SELECT count(*) FROM ({refused}) AS ids),
        (SELECT count(DISTINCT raw_id) FROM clean_places WHERE outcome = 'superseded')
"""
_DOCUMENTS = """
    SELECT count(*), (SELECT count(*) FROM ({raw} WHERE is_young EXCEPT {judged}) AS waiting)
    FROM raw_places
"""


class Reconciliation(NamedTuple):
    """A partition's problems, its number of documents, and how many of these wait for a run."""

    problems: list[str]
    documents: int
    waiting: int


def reconcile(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, window: Span
) -> Reconciliation:
    """Compare the stores for a partition: first counts and checksums, then ids if these differ.

    Args:
        mongo: the data lake.
        postgres: the warehouse.
        flow: the kind of document.
        window: one partition. Documents that arrived during or after its publication are not a
            problem, because another run will process them.
    """
    documents = count_in(mongo.lake()[flow.raw.name], window)
    if _adds_up(postgres, flow, window, documents):
        return Reconciliation([], documents, 0)
    judged = clean_partition(flow.clean, window)
    return compare_places(mongo, postgres, flow, judged, window, accepts_late_documents=True)


def _adds_up(postgres: PostgresResource, flow: Flow, window: Span, documents: int) -> bool:
    """Return whether counts and checksums in all stores equal those in the ledger."""
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = ledger_row(cursor, flow, window)
        checksum = rows_checksum(cursor, flow, window)
    if row is None:
        return False
    published = row.loaded_rows, row.quarantined_rows
    are_rows_there = row.rows_checksum == checksum and rows_in_checksum(checksum) == published
    return (
        row.raw_rows == documents
        and are_rows_there
        and row.clean_checksum is not None
        and row.clean_checksum == sealed_checksum(flow.clean, window)
        and row.raw_rows == sum(part.rows for part in file_parts(*folder_of(flow.clean, window)))
    )


def compare_places(
    mongo: MongoResource,
    postgres: PostgresResource,
    flow: Flow,
    judged: ds.Dataset | None,
    window: Span,
    *,
    accepts_late_documents: bool = False,
) -> Reconciliation:
    """Compare the stores for a partition, id by id.

    Args:
        mongo: the data lake.
        postgres: the warehouse.
        flow: the kind of document.
        judged: the cleaned partition; None if it does not exist.
        window: one partition.
        accepts_late_documents: whether documents that arrived during or after the publication
            are accepted; another run will process them.
    """
    key = partition_name(window)
    names: dict[str, sql.Composable] = {
        "table": sql.Identifier(flow.published.schema, flow.published.name),
        "scope": within("observed_at", window),
        "asset": sql.Literal(flow.asset),
        "key": sql.Literal(key),
    }
    ids: dict[str, sql.Composable] = {
        place: sql.SQL(query).format(**names) for place, query in _IDS.items()
    }
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = ledger_row(cursor, flow, window)
        since = row.loaded_at - MAX_INSERT_DELAY if row and accepts_late_documents else None
        cursor.execute(_TABLES)
        documents = raw_documents(mongo, flow, window)
        while chunk := list(islice(documents, _IDS_PER_BATCH)):
            copy_in(cursor, sql.Identifier("raw_places"), _raw_places(chunk, since))
        for batch in clean_batches(judged):
            copy_in(cursor, sql.Identifier("clean_places"), batch)
        problems = list(_differences(cursor, ids))
        count, waiting = _fetch(cursor, sql.SQL(_DOCUMENTS).format(**ids))
        actual = Counts(*_fetch(cursor, sql.SQL(_ACTUAL).format(**ids)))
    problems += ledger_differences(row.counts if row else None, actual, count - waiting)
    return Reconciliation(problems, count, waiting)


def raw_documents(mongo: MongoResource, flow: Flow, window: Span) -> Iterator[Mapping[str, Any]]:
    """Return `_id` and `fetched_at` of a partition's raw documents."""
    fields = {"_id": 1, "fetched_at": 1}
    return iter(
        mongo.lake()[flow.raw.name].find(in_window(window), fields, batch_size=_IDS_PER_BATCH)
    )


def raw_ids(documents: Iterable[Mapping[str, Any]]) -> pa.Array:
    """Return the ids of raw documents in the form in which PostgreSQL stores them."""
    return storable_ids(pa.array([lake_id(found["_id"]) for found in documents], pa.string()))


def clean_batches(judged: ds.Dataset | None) -> Iterator[pa.Table]:
    """Yield batches of a cleaned partition: `raw_id` in PostgreSQL's form, and `outcome`."""
    columns = ["raw_id", "outcome"]
    if judged is not None:
        for batch in judged.to_batches(columns=columns, batch_size=_IDS_PER_BATCH):
            yield pa.table([storable_ids(batch["raw_id"]), batch["outcome"]], names=columns)


def _raw_places(documents: Sequence[Mapping[str, Any]], since: datetime | None) -> pa.Table:
    fetched = [found.get("fetched_at") for found in documents]
    young = [since is not None and isinstance(at, datetime) and at >= since for at in fetched]
    return pa.table({"raw_id": raw_ids(documents), "is_young": pa.array(young, pa.bool_())})


def _differences(cursor: psycopg.Cursor[Any], ids: Mapping[str, sql.Composable]) -> Iterator[str]:
    for query, problem in _DIFFERENCES.items():
        found = sql.SQL(query).format(**ids)
        count, shown = _fetch(cursor, sql.SQL(_COUNTED).format(ids=found))
        if count:
            yield difference(count, shown, problem)


def _fetch(cursor: psycopg.Cursor[Any], query: sql.Composed) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.execute(query).fetchone() or ()
    return row
