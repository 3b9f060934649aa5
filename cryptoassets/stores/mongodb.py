"""Queries to MongoDB from the driver and from Spark's workers: client, counts, ranges, errors.

What goes here: queries with pymongo alone. What stays out: what a document means (in `documents`),
inserting (in `stores.lake`), choosing the server (in `resources.mongo`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from bson import Int64
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from cryptoassets.errors import SettingsError, StoreError, StoreUnavailableError
from cryptoassets.partitions.spans import Span
from cryptoassets.shortages import shortage_message

Document = dict[str, Any]
Lake = Database[Document]

DEAD_LETTERS = "dead_letters"
FETCHES = "snapshot_fetches"
WINDOWS = "history_windows"
EXPIRED = "expired_partitions"

RECORD_DESCRIPTIONS = {
    DEAD_LETTERS: "Responses, or coins in a response, that could not be read or stored unchanged: "
    "`_id`, `url`, `fetched_at`, `status` (HTTP), `reason` and `body`, cut at 1 MiB.",
    FETCHES: "One record per page of a snapshot: what was requested and received. `observed_at`, "
    "`fetched_at`, `source`, `offset`, `coins_asked`, `coins_received`, `is_repeated`. A fetch "
    "that was skipped has one record with the reason in `skipped`.",
    WINDOWS: "One record per call for history: the requested window and what was received. "
    "`coin_id`, `interval`, `start`, `end`, `fetched_at`, `source`, `outcome` (points, empty, "
    "not_found, failed), `points`, `first`, `error`.",
    EXPIRED: "One record per partition that retention deleted: `asset`, `partition_key` and the "
    "partition's ledger row.",
}
"""The lake's collections other than those of raw documents, and what they contain."""

FieldTypes = Mapping[str, tuple[type, ...]]
"""Maps a field to its allowed types: the Python types that pymongo returns for BSON types."""
Asked = Mapping[datetime, tuple[int, bool]]
"""Maps a snapshot's time to the number of requested coins and to whether a page was repeated."""

BATCH = 5_000
_MAX_COINS = 2**31 - 1
_AUTHENTICATION_FAILED = 18
_FETCH_FIELDS: FieldTypes = {
    "observed_at": (datetime,),
    "coins_asked": (int, Int64),
    "is_repeated": (bool,),
}


class Fetches(NamedTuple):
    """What was requested, and how many coins were received, by the time of the snapshot."""

    asked: Asked
    received: Mapping[datetime, int]


def open_client(url: str) -> MongoClient[Document]:
    """Create a client that has timeouts and can read any BSON date; it does not connect yet."""
    return MongoClient(
        url,
        tz_aware=True,
        # A date after the year 9999 is read as another type. By default, such a date would raise
        # an error, and the other documents could not be read, either.
        datetime_conversion="DATETIME_AUTO",
        appname="cryptoassets",
        serverSelectionTimeoutMS=8_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=120_000,
    )


def has_types(document: Document, fields: FieldTypes) -> bool:
    """Whether each field has one of its types; subclasses, such as BSON's Code, do not count."""
    return all(name in document and type(document[name]) in fields[name] for name in fields)


def well_formed(documents: Iterable[Document], fields: FieldTypes) -> Iterator[Document]:
    """Skip documents in which a field has another type; other programs may write to the lake."""
    return (document for document in documents if has_types(document, fields))


def first_match(
    collection: Collection[Document],
    query: Mapping[str, Any],
    *,
    sort: tuple[str, int],
    matches: Callable[[Document], bool],
) -> Document | None:
    """The first document, in the given order, that matches the query and passes `matches`."""
    # Usually the very first document passes, and with a limit the server reads only that one.
    for limit in (1, 0):
        for document in collection.find(query, sort=[sort], limit=limit):
            if matches(document):
                return document
    return None


def oldest_or_newest_time(
    collection: Collection[Document], query: Mapping[str, Any], order: int
) -> datetime | None:
    """The oldest (`pymongo.ASCENDING`) or newest `observed_at` that is a date; None if none is."""
    found = first_match(
        collection,
        query,
        sort=("observed_at", order),
        matches=lambda document: isinstance(document.get("observed_at"), datetime),
    )
    return found["observed_at"] if found else None


def url_address(url: str) -> str:
    """Hosts of a MongoDB URL, without credentials.

    Raises:
        SettingsError: pymongo cannot read the URL.
    """
    try:
        nodes = parse_uri(url, validate=False)["nodelist"]
    except (PyMongoError, ValueError) as error:
        raise SettingsError(f"MONGO_URL cannot be read: {error}. Fix it") from error
    return ", ".join(f"{host}:{port}" for host, port in nodes)


@contextmanager
def typed_errors(address: str) -> Iterator[None]:
    """Convert pymongo's errors to `CryptoassetsError`s, which contain no credentials."""
    try:
        yield
    except OperationFailure as error:
        if error.code == _AUTHENTICATION_FAILED:
            raise SettingsError(
                f"MongoDB at {address} refused the log-in. Fix MONGO_URL"
            ) from error
        remedy = shortage_message(str(error)) or "A retry will not help; see the server's log"
        raise StoreError(f"MongoDB at {address} refused an operation: {error}. {remedy}") from error
    except ConnectionFailure as error:
        raise StoreUnavailableError(
            f"MongoDB at {address} does not answer. A retry may help; otherwise start the server "
            "or fix MONGO_URL"
        ) from error
    except PyMongoError as error:
        raise StoreError(f"MongoDB at {address}: {error}") from error


def in_window(window: Span) -> dict[str, Any]:
    """The filter for a partition's documents; it uses the index on `observed_at`."""
    return {"observed_at": {"$gte": window[0], "$lt": window[1]}}


def count_in(collection: Collection[Document], window: Span) -> int:
    """The number of documents in a partition."""
    return count_matching(collection, in_window(window))


def count_matching(collection: Collection[Document], query: Mapping[str, Any]) -> int:
    """The exact number of documents that match a non-empty filter; see also `count_all`."""
    # count_documents() would be an aggregation, for which the embedded server nx-27017 reads every
    # document: 16 s for 120,000 documents. This command takes 0.3 s there, and is exact, too.
    counted = collection.database.command("count", collection.name, query=query)
    return int(counted["n"])


def count_all(collection: Collection[Document]) -> int:
    """The exact number of documents in a collection."""
    # Without a filter, MongoDB would count from metadata, which may be wrong after a crash.
    return count_matching(collection, {"_id": {"$exists": True}})


def documents_in(collection: Collection[Document], window: Span) -> Iterator[Document]:
    """The documents of a partition, unordered."""
    # Without a batch size, a response may exceed the server's limit for messages.
    return iter(collection.find(in_window(window), batch_size=BATCH))


def batches_in(collection: Collection[Document], window: Span) -> Iterator[bytes]:
    """The documents of a partition, unordered, as batches of concatenated BSON documents."""
    return iter(collection.find_raw_batches(in_window(window), batch_size=BATCH))


def fetches_in(lake: Lake, window: Span) -> Fetches:
    """Summarise the fetch records of each snapshot of a window."""
    asked: dict[datetime, tuple[int, bool]] = {}
    received: Counter[datetime] = Counter()
    for fetch in well_formed(lake[FETCHES].find(in_window(window)), _FETCH_FIELDS):
        moment = fetch["observed_at"]
        coins, is_repeated = asked.get(moment, (0, False))
        # Limited, because other programs may have written any number.
        wanted = min(max(fetch["coins_asked"], 0), _MAX_COINS)
        asked[moment] = (min(coins + wanted, _MAX_COINS), is_repeated or fetch["is_repeated"])
        count = fetch.get("coins_received")
        received[moment] += min(max(count, 0), _MAX_COINS) if isinstance(count, int) else wanted
    return Fetches(asked, received)
