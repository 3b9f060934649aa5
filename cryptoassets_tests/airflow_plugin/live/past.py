"""Stores raw documents of past hours: snapshots can only be fetched for the current hour."""

from datetime import UTC, datetime, timedelta

from pymongo import MongoClient

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets_tests.e2e.stores import Stores


def hour_before(hours: int) -> datetime:
    """Return the start of the hour that began `hours` before the current hour."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return now - timedelta(hours=hours)


def hour_key(hour: datetime) -> str:
    """Return the partition key of an hour."""
    return hour.strftime("%Y-%m-%d-%H:00")


def plant(stores: Stores, moment: datetime) -> None:
    """Store a snapshot of 100 coins as if it had been fetched at `moment`."""
    with (
        make_server(simulated_source(now=lambda: moment)) as server,
        CoinCapClient(server.url) as client,
    ):
        documents = raw_batch(client.snapshot(100)).documents
    lake: MongoClient[dict[str, object]] = MongoClient(stores.mongo_url, tz_aware=True)
    with lake:
        lake[stores.mongo_database]["coin_snapshots"].insert_many(list(documents))
