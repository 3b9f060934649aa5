"""The entry point of embedded mode: provides URLs; starts servers that the settings do not name.

What goes here: which set of stores is in use (there is one set per source), and which servers we
start. What stays out: how each server is started (in the modules next to this one).
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from cryptoassets.embedded import analyst, databases, java, java_options, source
from cryptoassets.embedded.mongo import MongoServer
from cryptoassets.embedded.postgres import DATABASES, PostgresServer
from cryptoassets.embedded.server import EmbeddedServer, Report, ServerStatus, not_running
from cryptoassets.embedded.source import SimulatorServer
from cryptoassets.errors import AnalystLoginError, EmbeddedError
from cryptoassets.project import project_root
from cryptoassets.settings import COINCAP_V3_URL, Settings, SourceKind
from cryptoassets.shortages import disk_problem


class Stack:
    """Provides URLs; a server that the settings do not name is started when its URL is requested.

    Args:
        report: called once with each message, a sentence without a full stop.
        source: the source whose stores are used, if the caller knows it; None: taken from the
            settings or from the server at COINCAP_URL.
    """

    def __init__(
        self,
        settings: Settings,
        report: Report | None = None,
        *,
        source: SourceKind | None = None,
    ) -> None:
        self._settings = settings
        self._given_source = source
        self._reported: set[str] = set()
        self._existing_databases: set[str] = set()
        self._report_to = report

    @cached_property
    def source(self) -> SourceKind:
        """The source that the data comes from.

        Raises:
            SourceUnavailableError: only the server at COINCAP_URL knows the source, and that server
                has never answered.
        """
        known = self._given_source or self._settings.known_source
        if known is not None:
            return known
        url = self._settings.coincap_url or ""
        return source.ask_source(url, self._settings.home / "sources.json")

    def source_url(self) -> str:
        """Return the source's base URL; if the settings name no source, start the simulator."""
        if self._settings.coincap_url:
            return self._settings.coincap_url
        if self._settings.coincap_api_key:
            return COINCAP_V3_URL
        server = self._simulator
        return server.url(server.ensure())

    def mongo_url(self) -> str:
        """Return MongoDB's URL, including the password."""
        if self._settings.mongo_url:
            return self._settings.mongo_url.get_secret_value()
        return self._mongo.url(self._mongo.ensure())

    def index_dates(self, database: str, fields: Mapping[str, str]) -> None:
        """Make queries by date fast in an embedded MongoDB; see `MongoServer.index_dates`."""
        if self._settings.mongo_url is None:
            self._mongo.index_dates(database, fields)

    def postgres_url(self, database: str | None = None) -> str:
        """Return the libpq URL of a database, including its password.

        Args:
            database: its name; None: the product's database. Any other database is created on the
                same server if it is missing.
        """
        named = self._settings.postgres_url
        if named:
            url = named.get_secret_value()
        else:
            url = self._postgres.secret_url(self._postgres.ensure())
        if database is None:
            return url
        if (named or database not in DATABASES) and database not in self._existing_databases:
            databases.create_if_missing(url, database, is_private=not named)
            self._existing_databases.add(database)
        return databases.with_database(url, database)

    def analyst_url(self) -> str:
        """Return PostgreSQL's URL for the read-only role `analyst`, including its password.

        PostgreSQL is not started.

        Raises:
            AnalystLoginError: the role has no log-in; the message explains how to create one.
            StoreNotRunningError: the embedded PostgreSQL is stopped.
        """
        settings = self._settings
        if settings.analyst_url:
            return settings.analyst_url.get_secret_value()
        if settings.postgres_url:
            database = urlsplit(settings.postgres_url.get_secret_value()).path.strip("/")
            raise AnalystLoginError(
                "This command reads as the role `analyst`, never as the owner of the data, and "
                "ANALYST_URL is not set. Let an administrator create the log-in in the database "
                "of POSTGRES_URL, then put its URL into ANALYST_URL or into the file that "
                f"ANALYST_URL_FILE names:\n{analyst.how_to_create_login(database)}"
            )
        port = self._postgres.running_port()
        if port is None:
            raise not_running([self._postgres.title], self.source_home)
        url = self._postgres.analyst_url(port)
        if url is None:
            raise AnalystLoginError(
                "PostgreSQL was started by an older version of cryptoassets, which gave the role "
                "`analyst` no log-in. Restart it: `cryptoassets down`, then `cryptoassets up`"
            )
        return url

    def clean_path(self) -> str:
        """Return the folder or URI of the cleaned Parquet files."""
        named = self._settings.clean_path
        if named is None:
            return str(self.source_home / "clean")
        return named if "://" in named else str(project_root() / Path(named).expanduser())

    @property
    def dagster_home(self) -> Path:
        """Folder for Dagster's logs and files, created if missing.

        These files belong to runs that are stored in PostgreSQL. A PostgreSQL server named in the
        settings stores the runs of all sources. The folder then does not depend on the source, so
        Dagster can start even if the source is down and therefore unknown.
        """
        named = self._settings.postgres_url is not None
        home = (self._settings.home if named else self.source_home) / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        return home

    @property
    def spark_folder(self) -> Path:
        """Folder for Spark's local files and for files that workers need; created if missing."""
        folder = self.source_home / "spark"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log_of(self, name: str) -> Path:
        """Return the log file of a program that is not a server."""
        return self.source_home / "logs" / f"{name}.log"

    def java_home(self) -> Path:
        """Return the JAVA_HOME for Spark's JVM: our shim around a suitable Java."""
        return java.write_shim(self._java_folder, self._java)

    def java_options(self, *, is_long_lived: bool = False) -> list[str]:
        """Return JVM flags for a driver that starts quickly, or for one that runs for hours."""
        return java_options.quick_start_options(
            self._java_folder, self._java, is_long_lived=is_long_lived
        )

    def up(self) -> None:
        """Start all servers that the settings do not name, in parallel.

        Raises:
            EmbeddedError: CRYPTOASSETS_HOME has no free space, or a server did not start.
        """
        problem = disk_problem(self.source_home)
        if problem:
            raise EmbeddedError(f"No data can be stored in {self.source_home}. {problem}")
        wanted = self._wanted
        with ThreadPoolExecutor(max_workers=len(wanted) or 1) as pool:
            for started in [pool.submit(server.ensure) for server in wanted]:
                started.result()

    def down(self, *, erase: bool = False) -> list[str]:
        """Stop the servers of all sets of stores.

        Args:
            erase: also delete data, logs and cleaned Parquet files, but only of the set in use.

        Returns:
            One sentence for each action.
        """
        homes = [self._home_of(kind) for kind in get_args(SourceKind)]
        servers = [server for home in homes for server in self._servers_of(home)]
        actions = [f"Stopped {server.kind}" for server in servers if server.stop()]
        return actions + (self._erase() if erase else [])

    def servers(self) -> list[ServerStatus]:
        """Return the status of each server that the settings do not name; do not start any."""
        return [server.status() for server in self._wanted]

    def stopped(self) -> dict[str, str]:
        """Return names and titles of the stopped servers that the settings do not name."""
        return {
            server.name: server.title for server in self._wanted if server.running_port() is None
        }

    @property
    def home(self) -> Path:
        """The folder that contains all sets of stores."""
        return self._settings.home

    @property
    def _wanted(self) -> Sequence[EmbeddedServer]:
        named = self._settings
        # `self.source` may have to ask the server at COINCAP_URL, so it is read only if needed.
        servers: list[EmbeddedServer] = []
        if named.postgres_url is None:
            servers.append(self._postgres)
        if named.mongo_url is None:
            servers.append(self._mongo)
        if named.coincap_url is None and self.source == "simulator":
            servers.append(self._simulator)
        return servers

    @cached_property
    def _java(self) -> Path:
        return java.find_java()

    @property
    def _java_folder(self) -> Path:
        return java.java_folder(self._settings.home)

    @cached_property
    def _postgres(self) -> PostgresServer:
        return PostgresServer(self.source_home, self._report)

    @cached_property
    def _mongo(self) -> MongoServer:
        return MongoServer(self.source_home, self._report)

    @cached_property
    def _simulator(self) -> SimulatorServer:
        return SimulatorServer(self.source_home, self._report)

    @property
    def source_home(self) -> Path:
        """Folder of the current source's embedded stores."""
        return self._home_of(self.source)

    def _home_of(self, kind: SourceKind) -> Path:
        # Data from CoinCap is never mixed with data from other sources.
        return self._settings.home if kind == "simulator" else self._settings.home / kind

    def _servers_of(self, source_home: Path) -> Sequence[EmbeddedServer]:
        makers: tuple[Callable[[Path, Report], EmbeddedServer], ...]
        makers = (SimulatorServer, MongoServer, PostgresServer)
        return [make(source_home, self._report) for make in makers]

    def _erase(self) -> list[str]:
        source_home = self.source_home
        try:
            self._postgres.erase()
            for name in ("mongo", "clean", "dagster", "source", "spark", "logs", "run"):
                if (source_home / name).exists():
                    shutil.rmtree(source_home / name)
        except OSError as error:
            raise EmbeddedError(
                f"{error.filename or source_home} cannot be deleted ({error.strerror}). "
                "Fix the permissions, or delete it by hand"
            ) from error
        return [f"Deleted the stores of source `{self.source}` in {source_home}"]

    def _report(self, sentence: str) -> None:
        if self._report_to and sentence not in self._reported:
            self._reported.add(sentence)
            self._report_to(sentence)
