"""Partitions that retention deleted: they are marked in ledger and lake, and never rebuilt.

What goes here: setting both marks, and refusing marked partitions. What stays out: which partitions
are deleted, and when (in `upkeep.retention`).

The mark in the lake contains a copy of the ledger row, from which a lost ledger can be restored.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from bson import Int64
from psycopg import sql

from cryptoassets.coincap.documents import RawBatch
from cryptoassets.errors import ExpiredPartitionError
from cryptoassets.partitions.spans import Span, partition_around, partition_name
from cryptoassets.schemas import FLOWS, Flow, Table, span_of
from cryptoassets.stores import ledger
from cryptoassets.stores.lake import insert_new
from cryptoassets.stores.mongodb import EXPIRED, FETCHES, Document, FieldTypes, Lake, has_types
from cryptoassets.stores.mongodb import in_window as documents_of
from cryptoassets.stores.publishing import Cursor, in_window

_COUNTED = ("loaded_rows", "quarantined_rows", "superseded_rows")
_RECORD_FIELDS: FieldTypes = {
    **dict.fromkeys(("asset", "partition_key", "run_id"), (str,)),
    **dict.fromkeys(("raw_rows", *_COUNTED), (int, Int64)),
    **dict.fromkeys(("loaded_at", "expired_at"), (datetime,)),
}


def expire_rows(cursor: Cursor, flow: Flow, window: Span, documents: int) -> Document | None:
    """Delete a partition's published and quarantined rows, and mark its ledger row as expired.

    Call it while holding the lock of the partition.

    Args:
        cursor: cursor in a transaction.
        flow: the flow of the partition.
        window: the partition.
        documents: number of raw documents that the partition has now.

    Returns:
        The marked ledger row. None if there are documents that no publication has processed; then
        nothing is deleted.
    """
    place = flow.asset, partition_name(window)
    marked = ledger.expire(cursor, *place, documents)
    if marked is None:
        return None
    cursor.execute(
        sql.SQL("DELETE FROM {} WHERE {}").format(
            sql.Identifier(flow.published.schema, flow.published.name),
            in_window("observed_at", window),
        )
    )
    cursor.execute(
        "DELETE FROM warehouse.quarantine WHERE asset = %s AND partition_key = %s", place
    )
    return marked


def refuse_expired(cursor: Cursor, asset: str, partition_keys: Collection[str]) -> None:
    """Raise an error if one of the partitions is marked as expired in the ledger.

    Raises:
        ExpiredPartitionError: names the first expired partition.
    """
    expired = ledger.first_expired(cursor, asset, partition_keys)
    if expired is not None:
        raise _error(asset, expired)


def record_expired(lake: Lake, flow: Flow, partition_key: str, row: Document) -> None:
    """Record in the lake that a partition has expired, together with its ledger row."""
    note = {"_id": _id(flow.raw.full_name, partition_key), "asset": flow.asset}
    insert_new(lake[EXPIRED], [{**note, "partition_key": partition_key, **row}])


def expired_keys(lake: Lake, raw: str, partition_keys: Iterable[str]) -> set[str]:
    """Return the partitions of a collection (`raw.<name>`) that the lake records as expired."""
    by_id = {_id(raw, key): key for key in partition_keys}
    found = lake[EXPIRED].find({"_id": {"$in": list(by_id)}}, {"_id": 1})
    return {by_id[note["_id"]] for note in found}


def without_expired(lake: Lake, table: Table, batch: RawBatch) -> RawBatch:
    """Remove documents of partitions that are recorded as expired in the lake.

    A batch may contain such documents, because a history window is longer than a day, and a
    response may have the timestamp of any hour.
    """
    span = span_of(table)
    keys = [
        partition_name(partition_around(document["observed_at"], span))
        for document in batch.documents
    ]
    expired = expired_keys(lake, table.full_name, set(keys))
    if not expired:
        return batch
    placed = zip(batch.documents, keys, strict=True)
    return replace(batch, documents=tuple(doc for doc, key in placed if key not in expired))


def refuse_if_all_expired(lake: Lake, raw: str, partition_keys: Iterable[str]) -> None:
    """Raise an error if all of the partitions are recorded as expired in the lake.

    Raises:
        ExpiredPartitionError: names the first partition.
    """
    wanted = list(partition_keys)
    expired = expired_keys(lake, raw, wanted)
    if expired and len(expired) == len(wanted):
        raise _error(raw.replace(".", "/"), min(expired))


def restore_ledger(cursor: Cursor, lake: Lake) -> int:
    """Restore the ledger rows of expired partitions from the lake; return their number."""
    names = ("asset", "partition_key", *ledger.EXPIRED_COLUMNS)
    return sum(
        ledger.restore_expired(cursor, {name: note[name] for name in names})
        for note in lake[EXPIRED].find({})
        if _is_own_record(note)
    )


def _is_own_record(note: Document) -> bool:
    """Whether a record contains a valid ledger row; other programs may write to the lake, too."""
    flow = next((flow for flow in FLOWS if flow.asset == note.get("asset")), None)
    return (
        flow is not None
        and has_types(note, _RECORD_FIELDS)
        and note["_id"] == _id(flow.raw.full_name, note["partition_key"])
        and note["raw_rows"] == sum(note[name] for name in _COUNTED)
    )


def delete_documents(lake: Lake, flow: Flow, window: Span) -> None:
    """Delete the raw documents of a partition, and their fetch records."""
    lake[flow.raw.name].delete_many(documents_of(window))
    name = _id(flow.raw.full_name, partition_name(window))
    lake[FETCHES].delete_many({"_id": {"$gte": f"{name}@", "$lt": f"{name}A"}})
    if flow.raw.name == "coin_snapshots":
        lake[FETCHES].delete_many(documents_of(window))


def _id(raw: str, partition_key: str) -> str:
    return f"{raw.replace('.', '/')}@{partition_key}"


def _error(asset: str, partition_key: str) -> ExpiredPartitionError:
    return ExpiredPartitionError(
        f"{asset} {partition_key} has expired: retention deleted it from all stores, and it cannot "
        "be rebuilt. A retry will not help"
    )
