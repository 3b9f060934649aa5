"""The platform as run by compose, and the queries that a user would make.

What goes here: compose commands and one query per service. What stays out: the expectations (in
`test_platform` and `test_upkeep`).
"""

import base64
import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

Result = TypeVar("Result")

PROJECT = "cryptoassets-test"
PORTS = {
    "AIRFLOW_PORT": 28081,
    "MONGO_EXPRESS_PORT": 28082,
    "PGADMIN_PORT": 25050,
    "SPARK_MASTER_UI_PORT": 28080,
    "POSTGRES_PORT": 25432,
    "DAGSTER_PORT": 23000,
    "MONGO_PORT": 27117,
    "METRICS_PORT": 29464,
}
"""Not the defaults, so that a platform in use on this machine is not affected."""

SNAPSHOTS = "materialize_cryptoassets_snapshots"
WELL = {"healthy", "running"}
_CONTENT = {"Content-Type": "application/json"}


def compose_program() -> list[str]:
    """Return `docker-compose` if it is installed, else Docker's plugin."""
    return ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


def wait_until(question: Callable[[], Result], what: str, *, seconds: float) -> Result:
    """Call `question` until its result is not empty; after `seconds`, fail with the last error."""
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if response := question():
                return response
        except (OSError, psycopg.Error, ValueError, KeyError, subprocess.CalledProcessError) as e:
            last = f": {e}"
        time.sleep(2)
    raise AssertionError(f"{what}: not within {seconds:.0f} s{last}")


@dataclass
class Platform:
    """A separate compose project.

    Attributes:
        root: a copy of the project, whose files may be changed.
        project: the name that separates its containers and volumes from other projects'.
    """

    root: Path
    project: str = PROJECT
    environment: dict[str, str] = field(
        default_factory=lambda: {
            **os.environ,
            **{name: str(port) for name, port in PORTS.items()},
            "COINCAP_API_KEY": "",
            "COINCAP_URL": "",
        }
    )

    def ask_compose(
        self, *arguments: str, seconds: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run compose on this project; return the result even if compose failed."""
        return subprocess.run(
            [*compose_program(), "--env-file", os.devnull, "-p", self.project, *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def compose(self, *arguments: str, seconds: float = 900) -> str:
        """Run compose on this project and return its output; fail if compose failed."""
        completed = self.ask_compose(*arguments, seconds=seconds)
        assert completed.returncode == 0, (
            f"{arguments}: {completed.stdout[-500:]}{completed.stderr[-3000:]}"
        )
        return completed.stdout

    def make(self, *words: str) -> None:
        """Run a target of the Makefile on this project, without confirmation prompts."""
        compose = {"COMPOSE_PROJECT_NAME": self.project, "COMPOSE_DISABLE_ENV_FILE": "1"}
        completed = subprocess.run(
            ["make", *words],  # noqa: S607
            cwd=self.root,
            env={**self.environment, **compose, "YES": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert completed.returncode == 0, (
            f"{words}: {completed.stdout[-500:]}{completed.stderr[-3000:]}"
        )

    def services(self) -> dict[str, str]:
        """Return the state of every service (healthy, running, ...), except finished jobs."""
        lines = self.compose("ps", "-a", "--format", "json").splitlines()
        found = [json.loads(line) for line in lines]
        return {
            one["Service"]: one.get("Health") or one["State"]
            for one in found
            if not (one["State"] == "exited" and one["ExitCode"] == 0)
        }

    def unwell(self) -> dict[str, str]:
        """Return the services that are neither healthy nor (without a health check) running."""
        return {name: state for name, state in self.services().items() if state not in WELL}

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return Docker's description of each service's container."""
        ids = self.compose("ps", "-aq").split()
        inspected = subprocess.run(
            ["docker", "inspect", *ids],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
        label = "com.docker.compose.service"
        return {one["Config"]["Labels"][label]: one for one in json.loads(inspected.stdout)}

    def secrets(self) -> set[str]:
        """Return all passwords and keys in the secret files of the running containers."""
        folder = "/run/cryptoassets"
        found: set[str] = set()
        for name, one in self.containers().items():
            mounted = [mount["Destination"] for mount in one["Mounts"]]
            if folder in mounted and one["State"]["Running"]:
                script = f"for file in {folder}/*; do cat $file; echo; done"
                found |= set(self.compose("exec", "-T", name, "sh", "-c", script).split())
        return found

    def query(self, statement: str, user: str = "analyst") -> list[tuple[Any, ...]]:
        """Query the user's database over the published port."""
        url = f"postgresql://{user}:{user}@127.0.0.1:{PORTS['POSTGRES_PORT']}/bigdata_db"
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(statement).fetchall()

    def raw_documents(self) -> set[bytes]:
        """Return the bytes of every raw snapshot."""
        url = f"mongodb://admin:admin@127.0.0.1:{PORTS['MONGO_PORT']}/?authSource=admin"
        with MongoClient(url, document_class=RawBSONDocument) as client:
            return {document.raw for document in client["datalake"]["coin_snapshots"].find()}

    def airflow(self, path: str, body: object = None) -> dict[str, Any]:
        """Call Airflow's API as the user admin/admin and return its response."""
        base = f"http://127.0.0.1:{PORTS['AIRFLOW_PORT']}"
        login = {"username": "admin", "password": "admin"}
        token = _read(f"{base}/auth/token", login)["access_token"]
        response: dict[str, Any] = _read(
            f"{base}/api/v2/{path}", body, headers={"Authorization": f"Bearer {token}"}
        )
        return response

    def airflow_runs(self, dag: str = SNAPSHOTS) -> list[dict[str, Any]]:
        """Return the runs of a DAG, newest first."""
        runs: list[dict[str, Any]] = self.airflow(f"dags/{dag}/dagRuns?order_by=-run_after")[
            "dag_runs"
        ]
        return runs

    def take_a_snapshot(self) -> str:
        """Trigger the DAG instead of waiting 5 minutes; return the DAG run's id."""
        dag_run = self.airflow(f"dags/{SNAPSHOTS}/dagRuns", {"logical_date": None})
        return str(dag_run["dag_run_id"])

    def await_snapshot(self, dag_run: str, *, seconds: float) -> None:
        """Wait until a DAG run has succeeded; fail at once if it failed."""

        def state() -> str:
            named = urllib.parse.quote(dag_run)
            run = self.airflow(f"dags/{SNAPSHOTS}/dagRuns/{named}")
            return str(run["state"]) if run["state"] in {"success", "failed"} else ""

        assert wait_until(state, f"the end of {dag_run}", seconds=seconds) == "success"

    def mongo_express_page(self, password: str = "admin") -> str:  # noqa: S107 - the default
        """Return Mongo Express's page of the raw snapshots."""
        address = f"http://127.0.0.1:{PORTS['MONGO_EXPRESS_PORT']}/db/datalake/coin_snapshots"
        credentials = base64.b64encode(f"admin:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as response:
            page: str = response.read().decode()
        return page

    def spark_state(self) -> dict[str, Any]:
        """Return the workers and applications on the master's page."""
        state: dict[str, Any] = _read(f"http://127.0.0.1:{PORTS['SPARK_MASTER_UI_PORT']}/json/")
        return state

    def dagster(self, query: str) -> dict[str, Any]:
        """Return Dagster's response to a GraphQL query."""
        data: dict[str, Any] = _read(
            f"http://127.0.0.1:{PORTS['DAGSTER_PORT']}/graphql", {"query": query}
        )["data"]
        return data

    def pgadmin_is_connected(self) -> bool:
        """Log in to pgAdmin; return whether it connects to PostgreSQL without a password prompt."""
        base = f"http://127.0.0.1:{PORTS['PGADMIN_PORT']}"
        opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        page = opener.open(f"{base}/login", timeout=20).read().decode()
        token = re.search(r'csrfToken["\']?\s*[:=]\s*["\']([^"\']+)', page)
        assert token is not None, "no CSRF token in pgAdmin's log-in page"
        form = {"email": "admin@admin.com", "password": "admin", "csrf_token": token[1]}
        opener.open(
            f"{base}/authenticate/login", urllib.parse.urlencode(form).encode(), timeout=20
        ).read()
        script = opener.open(f"{base}/browser/js/utils.js", timeout=20).read().decode()
        token = re.search(r"pgAdmin\['csrf_token'\] = '([^']+)'", script)
        request = urllib.request.Request(
            f"{base}/browser/server/connect/1/1",
            b"{}",
            {**_CONTENT, "X-pgA-CSRFToken": token[1] if token else ""},
        )
        response = json.loads(opener.open(request, timeout=30).read())
        return bool(response["data"]["connected"])


def _read(address: str, body: object = None, *, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(
        address,
        json.dumps(body).encode() if body is not None else None,
        {**(_CONTENT if body is not None else {}), **(headers or {})},
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)
