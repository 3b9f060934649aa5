"""The entry point of the embedded mode: provides URLs and starts what the settings do not name.

What goes here: which set of stores is in use, and which servers we start. What stays out: how each
server is started (in the modules next to this one).
"""

import shutil
from collections.abc import Callable, Sequence
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
from cryptoassets.shortages import disk_remedy


class Stack:
    """Provides URLs; a server that the settings do not name is started when its URL is requested.

    Args:
        report: gets each message once, as a sentence without full stop.
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
            SourceUnavailableError: only the server at COINCAP_URL knows, and it has never answered.
        """
        known = self._given_source or self._settings.known_source
        if known is not None:
            return known
        url = self._settings.coincap_url or ""
        return source.ask_source(url, self._settings.home / "sources.json")

    def source_url(self) -> str:
        """Return the base URL of the source; starts the simulator when the settings name none."""
        if self._settings.coincap_url:
            return self._settings.coincap_url
        if self._settings.coincap_api_key:
            return COINCAP_V3_URL
        server = self._simulator
        return server.url(server.ensure())

    def mongo_url(self) -> str:
        """Return the URL of MongoDB, including its password."""
        if self._settings.mongo_url:
            return self._settings.mongo_url.get_secret_value()
        return self._mongo.url(self._mongo.ensure())

    def postgres_url(self, database: str | None = None) -> str:
        """Return the libpq URL of a database, including its password.

        Args:
            database: None: the product's. Any other is created on the same server if missing.
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
        """Return the URL of PostgreSQL's role that only reads, including its password.

        Starts nothing.

        Raises:
            AnalystLoginError: there is no such log-in; the message contains the SQL for one.
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
            raise not_running([self._postgres.title], self.set_home)
        url = self._postgres.analyst_url(port)
        if url is None:
            raise AnalystLoginError(
                "PostgreSQL was started by an older version, which gave the role `analyst` no "
                "log-in. Restart it: `cryptoassets down`, then `cryptoassets up`"
            )
        return url

    def clean_path(self) -> str:
        """Return the folder or URI of the cleaned Parquet."""
        named = self._settings.clean_path
        if named is None:
            return str(self.set_home / "clean")
        return named if "://" in named else str(project_root() / Path(named).expanduser())

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's logs and files, created if missing.

        They belong to the runs in PostgreSQL. If the settings name a PostgreSQL, it stores the runs
        of all sources, so the folder does not depend on the source, which may be down.
        """
        named = self._settings.postgres_url is not None
        home = (self._settings.home if named else self.set_home) / "dagster"
        home.mkdir(parents=True, exist_ok=True)
        return home

    @property
    def spark_folder(self) -> Path:
        """Folder of Spark's local files and of files for its workers; created if missing."""
        folder = self.set_home / "spark"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log_of(self, name: str) -> Path:
        """Return the log file of a program that is not a server."""
        return self.set_home / "logs" / f"{name}.log"

    def java_home(self) -> Path:
        """Return the JAVA_HOME for Spark's JVM: our shim around a suitable Java."""
        return java.write_shim(self._java_folder, self._java)

    def java_options(self, *, is_long_lived: bool = False) -> list[str]:
        """Return JVM flags for a driver that starts quickly, or for one that runs for hours."""
        return java_options.quick_start_options(
            self._java_folder, self._java, is_long_lived=is_long_lived
        )

    def up(self) -> None:
        """Start everything that the settings do not name, at the same time.

        Raises:
            EmbeddedError: CRYPTOASSETS_HOME has no free space, or a server did not start.
        """
        problem = disk_remedy(self.set_home)
        if problem:
            raise EmbeddedError(f"No data can be stored in {self.set_home}. {problem}")
        wanted = self._wanted
        with ThreadPoolExecutor(max_workers=len(wanted) or 1) as pool:
            for started in [pool.submit(server.ensure) for server in wanted]:
                started.result()

    def down(self, *, erase: bool = False) -> list[str]:
        """Stop the servers of all sets.

        Args:
            erase: also delete data, logs and cleaned Parquet of the set in use; keep other sets.

        Returns:
            One sentence for each action.
        """
        homes = [self._home_of(kind) for kind in get_args(SourceKind)]
        servers = [server for home in homes for server in self._servers_of(home)]
        actions = [f"Stopped {server.kind}" for server in servers if server.stop()]
        return actions + (self._erase() if erase else [])

    def servers(self) -> list[ServerStatus]:
        """Return the status of each server that the settings do not name; starts nothing."""
        return [server.status() for server in self._wanted]

    def stopped(self) -> dict[str, str]:
        """Return the servers that we would start and that are not running: name to title."""
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
        # In this order, so that `source` is not requested when every URL is named.
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
        return PostgresServer(self.set_home, self._report)

    @cached_property
    def _mongo(self) -> MongoServer:
        return MongoServer(self.set_home, self._report)

    @cached_property
    def _simulator(self) -> SimulatorServer:
        return SimulatorServer(self.set_home, self._report)

    @property
    def set_home(self) -> Path:
        """Folder of the embedded stores of the current source."""
        return self._home_of(self.source)

    def _home_of(self, kind: SourceKind) -> Path:
        # Data of CoinCap is never mixed with data of other sources.
        return self._settings.home if kind == "simulator" else self._settings.home / kind

    def _servers_of(self, set_home: Path) -> Sequence[EmbeddedServer]:
        makers: tuple[Callable[[Path, Report], EmbeddedServer], ...]
        makers = (SimulatorServer, MongoServer, PostgresServer)
        return [make(set_home, self._report) for make in makers]

    def _erase(self) -> list[str]:
        set_home = self.set_home
        try:
            self._postgres.erase()
            for name in ("mongo", "clean", "dagster", "source", "spark", "logs", "run"):
                if (set_home / name).exists():
                    shutil.rmtree(set_home / name)
        except OSError as error:
            raise EmbeddedError(
                f"{error.filename or set_home} cannot be deleted ({error.strerror}). "
                "Fix the permissions, or delete it by hand"
            ) from error
        return [f"Deleted the stores of source `{self.source}` in {set_home}"]

    def _report(self, sentence: str) -> None:
        if self._report_to and sentence not in self._reported:
            self._reported.add(sentence)
            self._report_to(sentence)
