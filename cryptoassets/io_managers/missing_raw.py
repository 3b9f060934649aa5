"""Refuses to process raw partitions that were never fetched.

What goes here: the decision and its message. What stays out: reading the documents (in `mongo`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import pymongo

from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.io_managers import address
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.schemas import Flow
from cryptoassets.stores.expiry import refuse_if_all_expired
from cryptoassets.stores.lake import was_skipped
from cryptoassets.stores.mongodb import count_in, oldest_or_newest_time


def refuse_missing(
    context: dg.InputContext, mongo: MongoResource, flow: Flow, partitions: Sequence[Span]
) -> None:
    """Refuse partitions if none of them was ever fetched; they must not be published as empty.

    Raises:
        UpstreamNotMaterializedError: none of the partitions has a document, and no run recorded
            that there was nothing to store.
        ExpiredPartitionError: all partitions have expired.
    """
    lake = mongo.lake()
    collection, window = lake[flow.raw.name], Span(partitions[0].start, partitions[-1].end)
    # In the current hour, the newest document is enough. Counting would take 0.4 s with nx-27017,
    # the embedded stand-in for MongoDB. FerretDB sorts all documents to find the newest one, so it
    # is not looked for when past hours are processed again.
    is_current = window.start <= datetime.now(UTC) < window.end
    newest = oldest_or_newest_time(collection, {}, pymongo.DESCENDING) if is_current else None
    if (newest and window.start <= newest < window.end) or count_in(collection, window):
        return
    refuse_if_all_expired(lake, flow.raw.full_name, context.asset_partition_keys)
    name, keys = context.asset_key.to_user_string(), context.asset_partition_keys
    if not was_skipped(lake, name, keys[0], keys[-1]):
        raise UpstreamNotMaterializedError(_message(context.asset_key, keys, mongo.address))


def _message(key: dg.AssetKey, partitions: Sequence[str], uri: str) -> str:
    """Name the missing partitions and the remedy."""
    asset = key.to_user_string()
    if len(partitions) == 1:
        remedy = address.remedy(key, partitions[0])
        return f"{asset} has no partition {partitions[0]!r} in MongoDB at {uri}. {remedy}"
    return (
        f"{asset} has none of the {len(partitions):,} partitions from {partitions[0]} to "
        f"{partitions[-1]} in MongoDB at {uri}. Nothing was processed, and a retry will not help; "
        "choose a range with documents"
    )
