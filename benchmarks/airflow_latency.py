"""Measures Airflow's overhead per Dagster run, with this project's operator and dagster-airflow's.

    python -m benchmarks.airflow_latency [--line 2] [--times 5]

Run it in the project's root, after `make airflow2 airflow3`. It starts a real Airflow and a real
Dagster with the product's code location, like the tests in `airflow_plugin/live`. The operators
take turns launching the same unpartitioned job. The overhead is the time from the trigger to the
task's success, minus the duration of the Dagster run from its creation to its end. It is caused by
the operator and by Airflow. dagster-airflow's operator works on Airflow 2 only.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptoassets.embedded import Stack
from cryptoassets.embedded.processes import free_port
from cryptoassets.settings import load_settings
from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, new_home, running_airflow
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster, running_dagster

JOB = "end_dead_runs"
OURS = {"ours, deferrable": "live_deferred", "ours, in a worker": "live_held"}
DAGSTER_AIRFLOW_LINE = 2
DAGSTER_AIRFLOW = {"dagster-airflow's": "launch_by_dagster_airflow"}


@dataclass(frozen=True)
class Timing:
    """Timing of one launch.

    Attributes:
        overhead: seconds that the launch took in addition to the Dagster run.
        run: seconds from the creation of the Dagster run to its end.
        occupies_worker: the task held a worker slot while it waited for the run.
    """

    overhead: float
    run: float
    occupies_worker: bool


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--line", type=int, choices=(2, 3), default=2, help="Airflow's major version"
    )
    parser.add_argument("--times", type=int, default=5, help="launches per operator")
    options = parser.parse_args()
    # If this runs as root, PostgreSQL uses another account, which must be able to enter the
    # temporary folder.
    with tempfile.TemporaryDirectory(prefix="airflow-latency-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ["CRYPTOASSETS_HOME"] = name
        stack = Stack(load_settings())
        try:
            stack.up()
            timings = measure(stack, folder, options.line, options.times)
        finally:
            stack.down()
    print(f"Airflow {options.line}, {options.times} launches per operator; median (longest), s\n")
    print("| operator | overhead | Dagster run | worker slots while waiting |")
    print("|---|---|---|---|")
    for operator, found in timings.items():
        overhead, run = [t.overhead for t in found], [t.run for t in found]
        print(
            f"| {operator} | {statistics.median(overhead):.1f} ({max(overhead):.1f}) "
            f"| {statistics.median(run):.1f} | {int(any(t.occupies_worker for t in found))} |"
        )


def measure(stack: Stack, folder: Path, line: int, times: int) -> dict[str, list[Timing]]:
    """Launch runs with each operator in turn; return the timings by operator."""
    ways = OURS | (DAGSTER_AIRFLOW if line == DAGSTER_AIRFLOW_LINE else {})
    port = free_port()
    connection = json.dumps({"conn_type": "dagster", "login": f"http://127.0.0.1:{port}/graphql"})
    home = new_home(folder, stack.postgres_url("airflow"), port)
    timings: dict[str, list[Timing]] = {operator: [] for operator in ways}
    connections = {"dagster_airflow": connection}
    with (
        running_dagster(port, folder / "logs") as dagster,
        running_airflow(line, home, folder, connections) as airflow,
    ):
        for dag_id in ways.values():
            airflow.unpause(dag_id)
        for number in range(times + 1):
            for operator, dag_id in ways.items():
                timing = launch(airflow, dagster, dag_id)
                # The first launch of each operator is not counted, because it also loads modules.
                if number:
                    timings[operator].append(timing)
    return timings


def launch(airflow: Airflow, dagster: Dagster, dag_id: str) -> Timing:
    """Trigger the DAG once, wait until it has succeeded, and return the timing."""
    run_id = airflow.trigger(dag_id, job=JOB)
    seen: set[str] = set()
    while "success" not in seen:
        seen.add(airflow.dag_runs(dag_id)[run_id])
        seen.update(f"task {state}" for (state,) in states(airflow, dag_id, run_id))
        if "failed" in seen:
            raise RuntimeError(f"Run {run_id} of the DAG {dag_id} failed; see its log")
        time.sleep(0.2)
    ((queued_at, ended_at),) = airflow.rows(
        "SELECT r.queued_at, t.end_date FROM dag_run r JOIN task_instance t USING (dag_id, run_id)"
        " WHERE dag_id = %s AND run_id = %s",
        *(dag_id, run_id),
    )
    run = next(run for run in dagster.runs() if run["jobName"] == JOB)
    run_seconds: float = run["endTime"] - run["creationTime"]
    overhead = seconds(queued_at, ended_at) - run_seconds
    return Timing(overhead, run_seconds, "task deferred" not in seen)


def states(airflow: Airflow, dag_id: str, run_id: str) -> list[tuple[str]]:
    """Return the current states of a DAG run's tasks."""
    statement = "SELECT state FROM task_instance WHERE dag_id = %s AND run_id = %s"
    return airflow.rows(statement, dag_id, run_id)


def seconds(started: datetime, ended: datetime) -> float:
    """Return the seconds from `started` to `ended`."""
    return (ended - started).total_seconds()


if __name__ == "__main__":
    main()
