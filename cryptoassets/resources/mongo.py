"""MongoDB: the connection to the data lake.

What goes here: choosing the server, and creating indexes. What stays out: queries (in
`stores.mongodb`), the form of a document (in `coincap.documents`).
"""

import dagster as dg
import pymongo
from pydantic import PrivateAttr
from pymongo import MongoClient

from cryptoassets.embedded import Stack
from cryptoassets.resources.run_process import tag_run_with_process
from cryptoassets.schemas import FLOWS
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import (
    WINDOWS,
    Document,
    Lake,
    open_client,
    typed_errors,
    url_address,
)


class MongoResource(dg.ConfigurableResource["MongoResource"]):
    """Provides the data lake's database; the URL comes from the settings or the embedded stack."""

    _client: MongoClient[Document] | None = PrivateAttr(default=None)
    _name: str = PrivateAttr(default="")

    def lake(self) -> Lake:
        """Return the database `MONGO_DATABASE`, with its indexes.

        Raises:
            StoreUnavailableError: no server answers at MONGO_URL within 8 seconds.
            SettingsError: the server refuses the log-in.
        """
        if self._client is None:
            settings = load_settings()
            stack = Stack(settings)
            url = stack.mongo_url()
            with typed_errors(url_address(url)):
                client = open_client(url)
                try:
                    indexes = {flow.raw.name: "observed_at" for flow in FLOWS} | {WINDOWS: "end"}
                    for name, column in indexes.items():
                        client[settings.mongo_database][name].create_index(
                            [(column, pymongo.ASCENDING)]
                        )
                    stack.index_dates(settings.mongo_database, indexes)
                except BaseException:
                    # Also after an interrupt, because nothing else can close this client yet.
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
        """Tag the run with the process that executes it."""
        tag_run_with_process(context)

    def teardown_after_execution(self, _context: dg.InitResourceContext) -> None:
        """Close the client, so that a run leaves no open connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
