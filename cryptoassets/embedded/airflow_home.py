"""Airflow 3 on this machine: its folder, its settings, its programs.

What goes here: Airflow's whole configuration. What stays out: starting and watching the programs
(in `processes`), what the DAGs do (in `airflow/`).
"""

import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptoassets.embedded.private_files import write_private
from cryptoassets.embedded.processes import LOOPBACK
from cryptoassets.environment import is_read_by_libpq, without_proxies
from cryptoassets.errors import EmbeddedError
from cryptoassets.project import project_root
from cryptoassets.settings import definition_settings

VENV = ".venv-airflow3"
POOL = "dagster"
# Dagster executes two runs at once. The third slot keeps a run waiting in Dagster's queue, so that
# Dagster is never idle.
POOL_SLOTS = 3
PASSWORD_VARIABLE = "AIRFLOW_ADMIN_PASSWORD"  # noqa: S105 - a name

PROGRAMS = {
    # Log servers would listen on every interface, and are not needed: the logs are on this machine.
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
}
SCHEDULER = "scheduler"
"""The program that starts tasks, which need the API server."""


@dataclass(frozen=True)
class AirflowHome:
    """Airflow's folder, database and ports.

    Attributes:
        folder: AIRFLOW_HOME.
        database_url: libpq URL of Airflow's own database.
        dagster_port: port of Dagster's webserver on this machine.
        port: port of Airflow's own web page.
    """

    folder: Path
    database_url: str
    dagster_port: int
    port: int

    @property
    def logs(self) -> dict[str, Path]:
        """The log of each of Airflow's programs."""
        return {name: self.folder / "logs" / f"{name}.log" for name in PROGRAMS}

    @property
    def url(self) -> str:
        """The address of Airflow's page in a browser."""
        return f"http://localhost:{self.port}"

    def program(self, *arguments: str) -> list[str]:
        """Return the command line of an `airflow` command.

        Raises:
            EmbeddedError: Airflow is not set up.
        """
        airflow = project_root() / VENV / "bin" / "airflow"
        if not airflow.exists():
            raise EmbeddedError(
                f"{airflow} is missing. Set Airflow up first, in a checkout: make airflow3"
            )
        return [str(airflow), *arguments]

    def prepare(self) -> None:
        """Create the folder, its secrets and the one user who may log in."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        password = os.environ.get(PASSWORD_VARIABLE) or "admin"
        self._write("passwords.json", json.dumps({"admin": password}))
        if not self.is_prepared:
            # The DAGs schedule no hour before this time, because earlier hours have no data.
            self._write("since", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"))

    @property
    def is_prepared(self) -> bool:
        """Whether `prepare` was called, now or at an earlier start."""
        return (self.folder / "since").exists()

    def environment(self) -> dict[str, str]:
        """Return the environment for all of Airflow's programs; call `prepare` first."""
        inherited = {
            name: value
            for name, value in without_proxies(os.environ).items()
            if not name.startswith(("AIRFLOW", "PYTHON"))
            and name != "VIRTUAL_ENV"
            and not is_read_by_libpq(name)
        }
        return inherited | self._settings() | self._settings_of_dags()

    def _settings(self) -> dict[str, str]:
        _, rest = self.database_url.split("://", 1)
        sources = project_root() / "airflow"
        named = {
            "core": {
                "dags_folder": str(sources / "dags"),
                "plugins_folder": str(sources / "plugins"),
                "load_examples": "False",
                "dags_are_paused_at_creation": "False",
                "executor": "LocalExecutor",
                # The default is 32, and Airflow starts that many processes.
                "parallelism": "4",
                "execution_api_server_url": f"http://{LOOPBACK}:{self.port}/execution/",
                "fernet_key": self._secret("fernet"),
                "simple_auth_manager_users": "admin:admin",
                "simple_auth_manager_passwords_file": str(self.folder / "passwords.json"),
                # If this is True, anyone who asks gets an administrator's token.
                "simple_auth_manager_all_admins": "False",
            },
            "database": {
                "sql_alchemy_conn": f"postgresql+psycopg2://{rest}",
                "sql_alchemy_conn_async": f"postgresql+asyncpg://{rest}",
                # Stores, Dagster and Airflow share the server's 100 connections.
                "sql_alchemy_pool_size": "3",
                "sql_alchemy_max_overflow": "5",
            },
            "api": {
                "host": LOOPBACK,
                "port": str(self.port),
                "base_url": self.url,
                "workers": "1",
                "secret_key": self._secret("api"),
            },
            "api_auth": {"jwt_secret": self._secret("jwt")},
            "dag_processor": {"parsing_processes": "1"},
            "usage_data_collection": {"enabled": "False"},
        }
        return {"AIRFLOW_HOME": str(self.folder)} | {
            f"AIRFLOW__{section.upper()}__{key.upper()}": value
            for section, keys in named.items()
            for key, value in keys.items()
        }

    def _settings_of_dags(self) -> dict[str, str]:
        connection = {
            "conn_type": "http",
            "host": LOOPBACK,
            "port": self.dagster_port,
            "extra": {"ui_url": f"http://localhost:{self.dagster_port}"},
        }
        return {
            "AIRFLOW_CONN_DAGSTER_DEFAULT": json.dumps(connection),
            "CRYPTOASSETS_AIRFLOW_POOL": POOL,
            "CRYPTOASSETS_SINCE": f"{definition_settings().cryptoassets_since}",
            "CRYPTOASSETS_FIRST_START": (self.folder / "since").read_text(),
        }

    def _secret(self, name: str) -> str:
        """Return a secret of 32 random bytes, which is the same at each start."""
        file = self.folder / f"{name}.secret"
        if not file.exists():
            # Airflow's Fernet needs URL-safe base64 with padding.
            self._write(file.name, secrets.token_urlsafe(32) + "=")
        return file.read_text()

    def _write(self, name: str, text: str) -> None:
        write_private(self.folder / name, text)
