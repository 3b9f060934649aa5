"""The embedded PostgreSQL: loopback only, a random password, data checksums, never as root.

What goes here: creating the data directory and starting the server. What stays out: where its files
are (in `postgres_files`), schemas and roles of the product (in `migrations`).
"""

import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from cryptoassets.embedded import analyst, postgres_files, processes
from cryptoassets.embedded.accounts import Account, server_account
from cryptoassets.embedded.private_files import write_private
from cryptoassets.embedded.server import EmbeddedServer
from cryptoassets.environment import UTF8_LOCALE
from cryptoassets.errors import EmbeddedError

SUPERUSER = "admin"
DATABASES = ("bigdata_db", "dagster")

_OPTIONS = {
    "listen_addresses": processes.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "96MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement may contain a password (CREATE ROLE ...), and the log is plain text.
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


class PostgresServer(EmbeddedServer):
    """The PostgreSQL server of one set of stores."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # a "fast" shutdown: ends sessions, writes a checkpoint

    @property
    def inside(self) -> Path:
        """The folder in our home; the data may be elsewhere, see `postgres_files`."""
        return self.source_home / "postgres"

    @property
    def base_folder(self) -> Path:
        """The folder that contains the data directory and the password."""
        return postgres_files.outside_folder(self.inside) or self.inside

    @property
    def folder(self) -> Path:
        """The data directory."""
        return self.base_folder / "data"

    @property
    def kind(self) -> str:
        """Name and major version."""
        version = self.folder / "PG_VERSION"
        try:
            return f"PostgreSQL {version.read_text().strip()} (embedded)"
        except OSError:
            return "PostgreSQL (embedded)"

    def url(self, port: int) -> str:
        """Return the URL of the product's database, without a password."""
        return f"postgresql://{SUPERUSER}@{processes.LOOPBACK}:{port}/{DATABASES[0]}"

    def secret_url(self, port: int, database: str = DATABASES[0]) -> str:
        """Return the URL with the password."""
        password = self._password_file.read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@{processes.LOOPBACK}:{port}/{database}"

    def analyst_url(self, port: int) -> str | None:
        """Return the URL of the read-only role; None: the role gets a log-in at the next start."""
        try:
            password = self._analyst_password_file.read_text().strip()
        except FileNotFoundError:
            return None
        return f"postgresql://{analyst.ROLE}:{password}@{processes.LOOPBACK}:{port}/{DATABASES[0]}"

    def is_ready(self, pid: int, port: int) -> bool:  # noqa: ARG002 -- the pid file is enough
        """Return whether the pid file shows that PostgreSQL accepts connections after recovery."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return lines[:1] == [str(pid)] and lines[7:8] == ["ready   "]

    def prepare(self) -> None:
        """Create the password and the data directory if they are missing."""
        if not self.inside.exists():
            self.inside.mkdir()
            self.inside.chmod(0o700)
            if self._account and self._account.can_enter(self.source_home.parent):
                # If we are root, PostgreSQL runs as another account, which must reach its data.
                for folder in (self.source_home, self.inside):
                    folder.chmod(0o711)
        place = postgres_files.choose_folder(self.inside, self._account)
        if place != self.inside and not self.folder.exists():
            self.report(
                f"PostgreSQL's files are kept in {place}: its account "
                f"`{self._account and self._account.name}` cannot reach {self.inside}"
            )
        self._rename_incomplete_folder()
        if not self.folder.exists():
            self._initialise()
        self._fail_if_other_version()
        if not self._analyst_password_file.exists():
            self._give_analyst_a_login()

    def launch(self, port: int) -> "subprocess.Popen[bytes]":
        """Wait until a killed server's process has disappeared, then start the server."""
        with suppress(OSError, ValueError):
            processes.await_reaped(int((self.folder / "postmaster.pid").read_text().split()[0]))
        options = [f"--{key}={value}" for key, value in (_OPTIONS | {"port": str(port)}).items()]
        return processes.start_detached(
            [str(self._programs / "postgres"), "-D", str(self.folder), *options],
            log=self.log,
            environment=_ENVIRONMENT,
            account=self._account,
        )

    def erase(self) -> None:
        """Delete all data; the server must be stopped."""
        if self.base_folder != self.inside:
            shutil.rmtree(self.base_folder, ignore_errors=True)
        shutil.rmtree(self.inside, ignore_errors=True)

    @cached_property
    def _installed_programs(self) -> Path:
        return postgres_files.find_programs()

    @cached_property
    def _account(self) -> Account | None:
        return server_account(self.folder)

    @property
    def _programs(self) -> Path:
        return postgres_files.reachable_programs(
            self._installed_programs, self.folder, self._account
        )

    @property
    def _password_file(self) -> Path:
        return self.base_folder / "password"

    @property
    def _analyst_password_file(self) -> Path:
        return self.base_folder / analyst.PASSWORD_FILE

    def _give_analyst_a_login(self) -> None:
        # The file is written last: after an interruption, the next start repeats the statements.
        password = analyst.new_password()
        others = ("postgres", "template1", *DATABASES[1:])
        statements = [*analyst.login_statements(password), *analyst.private_statements(others)]
        self._run_single_user(self.folder, statements)
        write_private(self._analyst_password_file, password)

    def _rename_incomplete_folder(self) -> None:
        if self.folder.exists() and not (self.folder / "global" / "pg_control").exists():
            new_path = self.folder.with_name(f"data.half-made-{secrets.token_hex(4)}")
            self.folder.rename(new_path)
            self.report(f"PostgreSQL's data directory was incomplete: renamed it to {new_path}")

    def _initialise(self) -> None:
        password = self._password_file
        write_private(password, analyst.new_password())
        # Created under a temporary name, so that a directory called `data` is always complete.
        self._remove_unfinished()
        temporary = self.base_folder / f"data.new-{secrets.token_hex(4)}"
        temporary.mkdir(mode=0o700)
        if self._account:
            for path in (password, temporary):
                os.chown(path, self._account.uid, self._account.gid)
        self._run_initdb(temporary, password)
        self._make_databases(temporary)
        temporary.rename(self.folder)

    def _remove_unfinished(self) -> None:
        # A killed command leaves its folder, and perhaps an initdb that still writes to it.
        for unfinished in self.base_folder.glob("data.new-*"):
            for pid in processes.pids_serving(unfinished):
                processes.stop(pid)
            shutil.rmtree(unfinished, ignore_errors=True)

    def _run_initdb(self, folder: Path, password: Path) -> None:
        self._run_program(
            "initdb",
            *("-D", str(folder), "-U", SUPERUSER, f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
            # PostgreSQL's own rules, because the locales of operating systems differ.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )

    def _make_databases(self, folder: Path) -> None:
        # In single-user mode, so that no data directory exists without these databases.
        self._run_single_user(folder, [f"CREATE DATABASE {name};" for name in DATABASES])

    def _run_single_user(self, folder: Path, statements: list[str]) -> None:
        # The statements go to stdin, one per line; no other process can see them.
        text = "".join(f"{statement}\n" for statement in statements)
        self._run_program("postgres", "--single", "-D", str(folder), "postgres", text=text)

    def _run_program(self, name: str, *arguments: str, text: str = "") -> None:
        completed = subprocess.run(
            [str(self._programs / name), *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            **(self._account.as_options() if self._account else {}),
        )
        output = completed.stderr.splitlines()
        markers = ("error:", "ERROR:", "FATAL:")
        errors = [line for line in output if any(marker in line for marker in markers)]
        if completed.returncode != 0 or errors:
            reason = (errors or output or [f"{name} ended with {completed.returncode}"])[-1].strip()
            raise EmbeddedError(
                f"PostgreSQL cannot create its data directory in {self.base_folder}: {reason}. "
                "Free some space or fix the permissions, or set CRYPTOASSETS_HOME to another folder"
            )

    def _fail_if_other_version(self) -> None:
        data_version = (self.folder / "PG_VERSION").read_text().strip()
        completed = subprocess.run(
            [str(self._installed_programs / "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=True,
            env=_ENVIRONMENT,
        )
        found = completed.stdout.split()[2].split(".")[0]
        if data_version != found:
            raise EmbeddedError(
                f"The data in {self.folder} was created by PostgreSQL {data_version}, but this "
                f"machine has PostgreSQL {found}. Install {data_version} again, or start over with "
                "`cryptoassets down --erase`"
            )


# Not our own environment, which may contain an API key: PostgreSQL's account can read the
# environment that PostgreSQL is started with.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": UTF8_LOCALE, "HOME": "/"}
