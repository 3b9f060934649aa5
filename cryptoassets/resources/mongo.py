"""MongoDB: the connection to the data lake.

What goes here: clients, indexes, pymongo's errors as ours, and passing over documents of other
programs. What stays out: what a document looks like (`coincap.documents`) and how partitions are
read (`io_managers.mongo`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import dagster as dg
import pymongo
from pydantic import PrivateAttr
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from cryptoassets.embedded import Stack
from cryptoassets.errors import SettingsError, StoreError, StoreUnavailableError
from cryptoassets.resources.run_process import note_process
from cryptoassets.settings import load_settings
from cryptoassets.shortages import remedy_of

Document = dict[str, Any]
Lake = Database[Document]

COLLECTIONS = ("coin_snapshots", "coin_history")
"""Raw documents, read by range of `observed_at`."""
DEAD_LETTERS = "dead_letters"
FETCHES = "snapshot_fetches"
"""One record a page of a fetch, or a skipped fetch: what was asked for and what came."""
WINDOWS = "history_windows"
"""One record a call of history; its form is told in `coincap.history_fetch`."""
_INDEXES = {**dict.fromkeys(COLLECTIONS, "observed_at"), WINDOWS: "end"}

EXPIRED = "expired_partitions"
"""One note a partition that retention deleted, with its ledger row."""

FieldTypes = Mapping[str, tuple[type, ...]]
"""Field to the Python types that pymongo reads its BSON type as."""

_AUTHENTICATION_FAILED = 18


class MongoResource(dg.ConfigurableResource["MongoResource"]):
    """Hands out the lake's database; URL from the settings, or the embedded stack's."""

    _client: MongoClient[Document] | None = PrivateAttr(default=None)
    _name: str = PrivateAttr(default="")

    def lake(self) -> Lake:
        """The database `MONGO_DATABASE`, with its indexes.

        Raises:
            StoreUnavailableError: no server answers at MONGO_URL within 8 seconds.
            SettingsError: the log-in is refused.
        """
        if self._client is None:
            settings = load_settings()
            url = Stack(settings).mongo_url()
            with typed_errors(url_address(url)):
                client: MongoClient[Document] = MongoClient(
                    url,
                    tz_aware=True,
                    # A date beyond year 9999 is read as a type of its own, not as an error that
                    # takes its neighbours along.
                    datetime_conversion="DATETIME_AUTO",
                    appname="cryptoassets",
                    serverSelectionTimeoutMS=8_000,
                    connectTimeoutMS=5_000,
                    socketTimeoutMS=120_000,
                )
                try:
                    for name, column in _INDEXES.items():
                        client[settings.mongo_database][name].create_index(
                            [(column, pymongo.ASCENDING)]
                        )
                except PyMongoError:
                    client.close()
                    raise
            self._client, self._name = client, settings.mongo_database
        return self._client[self._name]

    @property
    def address(self) -> str:
        """`mongodb://host:port/database`, without credentials."""
        lake = self.lake()
        host, port = lake.client.address or ("?", 0)
        return f"mongodb://{host}:{port}/{lake.name}"

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note which process the run lives in."""
        note_process(context)

    def teardown_after_execution(self, _context: dg.InitResourceContext) -> None:
        """Close the client: a run leaves no connection behind."""
        if self._client is not None:
            self._client.close()
            self._client = None


def has_types(document: Document, fields: FieldTypes) -> bool:
    """Whether each field has exactly one of its types: BSON's code is a subclass of str."""
    return all(name in document and type(document[name]) in fields[name] for name in fields)


def well_formed(documents: Iterable[Document], fields: FieldTypes) -> Iterator[Document]:
    """Leave out documents in which a field has another type: other programs write here, too."""
    return (document for document in documents if has_types(document, fields))


def first_match(
    collection: Collection[Document],
    query: Mapping[str, Any],
    *,
    sort: tuple[str, int],
    matches: Callable[[Document], bool],
) -> Document | None:
    """The first document in an order that matches in Python, too: BSON sorts types apart."""
    # Nearly always the very first one does, and with a limit no server reads more than that.
    for limit in (1, 0):
        for document in collection.find(query, sort=[sort], limit=limit):
            if matches(document):
                return document
    return None


def end_of_times(
    collection: Collection[Document], query: Mapping[str, Any], order: int
) -> datetime | None:
    """The first (`pymongo.ASCENDING`) or last `observed_at` that is a date; None: there is none."""
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
        raise SettingsError(f"MONGO_URL cannot be read: {error}. Mend it") from error
    return ", ".join(f"{host}:{port}" for host, port in nodes)


@contextmanager
def typed_errors(address: str) -> Iterator[None]:
    """Raise pymongo's errors as ours, without credentials."""
    try:
        yield
    except OperationFailure as error:
        if error.code == _AUTHENTICATION_FAILED:
            raise SettingsError(
                f"MongoDB at {address} refused the log-in. Mend MONGO_URL"
            ) from error
        remedy = remedy_of(str(error)) or "A retry will not help; the server's log says more"
        raise StoreError(f"MongoDB at {address} refused an operation: {error}. {remedy}") from error
    except ConnectionFailure as error:
        raise StoreUnavailableError(
            f"MongoDB at {address} does not answer. A retry may help; else start the server or "
            "mend MONGO_URL"
        ) from error
    except PyMongoError as error:
        raise StoreError(f"MongoDB at {address}: {error}") from error
