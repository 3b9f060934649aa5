"""A real Airflow, version 2 or 3, for tests.

What goes here: starting Airflow, triggering DAGs, reading states. What stays out: Dagster (in
`dagster`). Airflow 3 runs the same programs as `make airflow` and is controlled mostly over its
API, Airflow 2 mostly with its commands. States are read from Airflow's own database.
"""

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import requests

from cryptoassets.embedded.airflow_home import PROGRAMS, AirflowHome
from cryptoassets.embedded.processes import Program, Programs, free_port
from cryptoassets.project import project_root
from cryptoassets_tests.airflow_plugin.documented_dag import documented_dag

T = TypeVar("T")
ENDED = {"failed", "upstream_failed", "success", "skipped"}
TEST_DAGS = Path(__file__).parent / "dags"
PROGRAMS_OF_2 = {
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


@dataclass(frozen=True)
class TaskState:
    """A task instance as stored in Airflow's database."""

    state: str | None
    tries: int


@dataclass
class Airflow:
    """A running Airflow; `line` is its major version, 2 or 3."""

    line: int
    home: AirflowHome
    environment: Mapping[str, str]
    programs: dict[str, Program]

    def command(self, *arguments: str, **environment: str) -> str:
        """Run an `airflow` command; return its output."""
        finished = subprocess.run(
            [str(project_root() / f".venv-airflow{self.line}/bin/airflow"), *arguments],
            env=dict(self.environment) | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr[-3000:]
        return finished.stdout

    def trigger(self, dag_id: str, **conf: str) -> str:
        """Trigger a DAG; return the id of its run."""
        run_id = f"test_{uuid.uuid4().hex[:8]}"
        if self.line == 3:
            body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
            self.api("POST", f"/dags/{dag_id}/dagRuns", body)
        else:
            self.command("dags", "trigger", "-r", run_id, "-c", json.dumps(conf), dag_id)
        return run_id

    def unpause(self, dag_id: str) -> None:
        """Switch a DAG on."""
        self.command("dags", "unpause", *(["-y"] if self.line == 3 else []), dag_id)

    def pause(self, dag_id: str) -> None:
        """Switch a DAG off."""
        self.command("dags", "pause", *(["-y"] if self.line == 3 else []), dag_id)

    def backfill(self, dag_id: str, first: datetime, last: datetime) -> None:
        """Create all runs with a logical date from `first` to `last`."""
        if self.line == 3:
            dates = {"from_date": first.isoformat(), "to_date": last.isoformat()}
            self.api("POST", "/backfills", {"dag_id": dag_id, "max_active_runs": 2, **dates})
        else:
            dates_2 = ["-s", first.isoformat(), "-e", last.isoformat()]
            # With a pool, the command's forked workers close connections that the command uses.
            environment = {"AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_ENABLED": "False"}
            self.command("dags", "backfill", "--disable-retry", *dates_2, dag_id, **environment)

    def mark_failed(self, dag_id: str, run_id: str, task_id: str = "run") -> None:
        """Mark a task instance as failed, as a user does in Airflow's UI."""
        if self.line == 3:
            path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
            self.api("PATCH", path, {"new_state": "failed"})
        else:
            self._write("UPDATE task_instance SET state = 'failed' WHERE run_id = %s", run_id)
            self._write("UPDATE dag_run SET state = 'failed' WHERE run_id = %s", run_id)

    def clear(self, dag_id: str, run_id: str, task_id: str = "run") -> None:
        """Clear a task instance of Airflow 3, as a user does in Airflow's UI."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.api("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to Airflow 3's API as its administrator."""
        token = requests.post(
            f"{self.home.url}/auth/token",
            json={"username": "admin", "password": "admin"},
            timeout=30,
        ).json()["access_token"]
        response = requests.request(
            method,
            f"{self.home.url}/api/v2{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert response.ok, response.text
        return response.json() if response.content else None

    def task(self, dag_id: str, run_id: str, task_id: str = "run") -> TaskState:
        """Return the state of a task instance."""
        rows = self.rows(
            "SELECT state, try_number FROM task_instance"
            " WHERE dag_id = %s AND run_id = %s AND task_id = %s",
            *(dag_id, run_id, task_id),
        )
        return TaskState(*rows[0]) if rows else TaskState(None, 0)

    def await_task(
        self, state: str, dag_id: str, run_id: str, task_id: str = "run", *, within: float = 120
    ) -> TaskState:
        """Wait until a task instance has this state."""

        def reached() -> TaskState | None:
            task = self.task(dag_id, run_id, task_id)
            has_ended = task.state in ENDED and task.state != state
            assert not has_ended, (
                f"{task} instead of {state}: {self.log(dag_id, run_id, task_id)[-3000:]}"
            )
            return task if task.state == state else None

        return until(reached, within)

    def dag_runs(self, dag_id: str) -> dict[str, str]:
        """Return the states of a DAG's runs, by id."""
        return dict(self.rows("SELECT run_id, state FROM dag_run WHERE dag_id = %s", dag_id))

    def log(self, dag_id: str, run_id: str, task_id: str = "run") -> str:
        """Return the logs of all tries of a task."""
        folder = self.home.folder / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        files = sorted(folder.glob(f"task_id={task_id}/*.log*"))
        return "\n".join(file.read_text(errors="replace") for file in files)

    def task_processes(self) -> list[psutil.Process]:
        """Return the processes in which tasks are running now."""
        scheduler = self.programs["scheduler"].process
        assert scheduler is not None
        family = psutil.Process(scheduler.pid).children(recursive=True)
        return [process for process in family if _is_task(process)]

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Query Airflow's database."""
        with psycopg.connect(self.home.database_url) as connection:
            return connection.execute(statement, parameters).fetchall()

    def _write(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.home.database_url) as connection:
            connection.execute(statement, parameters)


def _is_task(process: psutil.Process) -> bool:
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "airflow worker -- " in words and "LocalExecutor" not in words


def until(look: Callable[[], T | None], within: float) -> T:
    """Call `look` until it returns a true value, and return that value."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"{look} returned nothing within {within} s")


@contextmanager
def running_airflow(
    line: int, home: AirflowHome, folder: Path, connections: Mapping[str, str]
) -> Iterator[Airflow]:
    """Start Airflow with the product's DAGs, which are paused, and with the tests' DAGs."""
    dags = folder / "dags"
    shutil.copytree(project_root() / "airflow" / "dags", dags)
    shutil.copytree(TEST_DAGS, dags, dirs_exist_ok=True)
    (dags / "documented.py").write_text(documented_dag())
    home.prepare()
    extra = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
        "CRYPTOASSETS_AIRFLOW_POOL": "default_pool",
        "PYTHONWARNINGS": "ignore",
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
    }
    environment = home.environment() | extra
    airflow = Airflow(line, home, environment, {})
    airflow.command("db", "migrate")
    programs = Programs(print)
    wanted = PROGRAMS if line == 3 else PROGRAMS_OF_2
    executable = str(project_root() / f".venv-airflow{line}/bin/airflow")
    for name, arguments in wanted.items():
        log = home.folder / "logs" / f"{name}.log"
        program = Program(name, [executable, *arguments], environment, log)
        programs.start(program)
        airflow.programs[name] = program
    try:
        until(lambda: airflow.rows("SELECT 1 FROM serialized_dag HAVING count(*) >= 10"), 180)
        if line == 3:
            until(lambda: _responses(f"{home.url}/api/v2/monitor/health"), 120)
        yield airflow
    finally:
        programs.stop()


def _responses(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def new_home(folder: Path, database_url: str, dagster_port: int) -> AirflowHome:
    """Return a home for an Airflow that listens on a free port."""
    return AirflowHome(folder / "airflow", database_url, dagster_port, free_port())
