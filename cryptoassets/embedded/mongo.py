"""The embedded MongoDB: `mongod` from PATH, else the stand-in nx-27017 from PyPI.

What goes here: choosing one of the two, starting it, and an index that nx-27017 does not create by
itself. What stays out: databases, collections and all other indexes (in `resources.mongo`).
"""

import importlib.util
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from cryptoassets.embedded import processes
from cryptoassets.embedded.server import EmbeddedServer
from cryptoassets.environment import UTF8_LOCALE
from cryptoassets.errors import EmbeddedError

MONGOD, NX = "mongod", "nx-27017"

# nx-27017 compares dates with this expression. SQLite uses an index only if the index has the same
# expression, and the index that nx-27017 creates for `create_index` has another one.
_DATE = (
    "datetime(COALESCE(json_extract(data, '$.{field}.\"$date\"'), json_extract(data, '$.{field}')))"
)
_INDEX = f'CREATE INDEX IF NOT EXISTS "cryptoassets_{{name}}_{{field}}" ON "{{name}}" ({_DATE})'
_LOCK_SECONDS = 60

STAND_IN_SENTENCE = (
    "No MongoDB found: using nx-27017 (SQLite behind MongoDB's protocol), a stand-in for local "
    "use. Set MONGO_URL to use MongoDB"
)


class MongoServer(EmbeddedServer):
    """The server of one data lake; loopback only, because neither program requires a log-in."""

    name = "mongo"
    title = "MongoDB"

    @property
    def folder(self) -> Path:
        """The data directory; each program has its own, as neither can read the other's data."""
        return self.source_home / "mongo" / self._engine

    @property
    def kind(self) -> str:
        """The name of the program."""
        return "MongoDB (embedded)" if self._engine == MONGOD else f"{NX} (stand-in for MongoDB)"

    def url(self, port: int) -> str:
        """Return the URL."""
        return f"mongodb://{processes.LOOPBACK}:{port}/"

    def prepare(self) -> None:
        """Choose the program and create the data directory."""
        engine = self._engine
        if engine == MONGOD and not shutil.which(MONGOD):
            raise EmbeddedError(
                f"The documents in {self.folder} were written by mongod, which is no longer on "
                "PATH. Install it again, or start over with `cryptoassets down --erase`"
            )
        if engine == NX:
            if not importlib.util.find_spec("nx_27017"):
                raise EmbeddedError(
                    "No MongoDB found: `mongod` is not on PATH and the stand-in nx-27017 is not "
                    "installed. Run `make` again, or set MONGO_URL"
                )
            self.report(STAND_IN_SENTENCE)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        (self.folder / "tmp").mkdir(exist_ok=True)
        self.remember(replace(self.state(), engine=engine))

    def launch(self, port: int) -> "subprocess.Popen[bytes]":
        """Start the server."""
        command = self._mongod(port) if self._engine == MONGOD else self._nx(port)
        environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": UTF8_LOCALE,
            "HOME": str(self.folder),
            # A query may need large SQLite scratch files; keep them on the disk of the data.
            "TMPDIR": str(self.folder / "tmp"),
        }
        return processes.start_detached(command, log=self.log, environment=environment)

    def index_dates(self, database: str, fields: Mapping[str, str]) -> None:
        """Let nx-27017 find documents by date without reading the whole collection.

        Args:
            database: name of the database.
            fields: the field with the date, by collection; the collections must exist.
        """
        file = self.folder / f"{database}.db"
        if self._engine != NX or not file.exists():
            return
        # The index only saves time, so a program without it gets the same documents.
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(file, timeout=_LOCK_SECONDS)) as connection,
            connection,
        ):
            for name, field in fields.items():
                connection.execute(_INDEX.format(name=name, field=field))

    @property
    def _engine(self) -> str:
        # Keep using the program that created the data: the other program would show an empty lake.
        return self.state().engine or (MONGOD if shutil.which(MONGOD) else NX)

    def _mongod(self, port: int) -> list[str]:
        program = shutil.which(MONGOD) or MONGOD
        options = ["--bind_ip", processes.LOOPBACK, "--port", str(port), "--nounixsocket"]
        options += ["--wiredTigerCacheSizeGB", "0.25", "--quiet"]
        return [program, "--dbpath", str(self.folder), *options]

    def _nx(self, port: int) -> list[str]:
        pid_file = self.folder / "nx.pid"
        # With an old pid file, nx-27017 could mistake another process for a running server.
        pid_file.unlink(missing_ok=True)
        # -P: the server starts in `/`, and Python must not import from there.
        program = [sys.executable, "-P", "-c", "from nx_27017 import main; main()"]
        options = ["--data-dir", str(self.folder), "--host", processes.LOOPBACK, "-p", str(port)]
        # No log file is needed: nx-27017 also logs to stderr, which goes to our own log file.
        return [*program, *options, "--log-file", "/dev/null", "--pid-file", str(pid_file)]
