"""Requests to Dagster's webserver, over an Airflow connection.

What goes here: the requests, and the search that prevents a repeated launch from creating a second
run. What stays out: HTTP (in `client`), when a task launches or gives up (in `operator`), waiting
(in `watch`).
"""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx
from airflow.providers.common.compat.sdk import BaseHook

from cryptoassets_airflow import graphql
from cryptoassets_airflow.address import DagsterAddress, read_address
from cryptoassets_airflow.client import READ_SECONDS, GraphQLClient
from cryptoassets_airflow.errors import DagsterUnavailableError
from cryptoassets_airflow.outcome import Outcome, OutcomeReader
from cryptoassets_airflow.responses import expect
from cryptoassets_airflow.runs import ENDED, LOST, DagsterRun, Identity, LaunchRequest

MISSING = "MISSING"
"""The status that this plugin gives to a run that was deleted."""

_GONE = ENDED | {MISSING}
# Dagster refuses to stop runs with these statuses. If such a run is marked as cancelled, its
# process ends as soon as it has started.
_ABOUT_TO_START = frozenset({"NOT_STARTED", "STARTING"})
_MARK = "MARK_AS_CANCELED_IMMEDIATELY"
LAUNCH_ATTEMPTS = 3
# How long to look for the run of a launch that got no response, before launching again.
SETTLE_SECONDS = 20.0


class DagsterHook(BaseHook):
    """Sends requests to Dagster's GraphQL API; safe to use from several threads.

    Args:
        dagster_conn_id: connection of type `http`, `dagster` or `generic`.
        read_seconds: how long to wait for one response.
        settle_seconds: how long to look for the run of a launch that got no response.
    """

    conn_name_attr = "dagster_conn_id"
    default_conn_name = "dagster_default"

    def __init__(
        self,
        dagster_conn_id: str = default_conn_name,
        *,
        read_seconds: float = READ_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        super().__init__()
        self.dagster_conn_id = dagster_conn_id
        self.read_seconds = read_seconds
        self.settle_seconds = settle_seconds

    @cached_property
    def client(self) -> GraphQLClient:
        """The client for all requests; created on first use, when the connection is read."""
        address = read_address(self.get_connection(self.dagster_conn_id))
        return GraphQLClient(address, read_seconds=self.read_seconds)

    @property
    def address(self) -> DagsterAddress:
        """The addresses of Dagster's webserver."""
        return self.client.address

    def find_runs(self, tags: Mapping[str, str]) -> list[DagsterRun]:
        """List the newest 50 runs that have all these tags, newest first."""
        wanted = [{"key": key, "value": value} for key, value in tags.items()]
        response = self.client.ask(graphql.FIND_RUNS, {"filter": {"tags": wanted}}, "runsOrError")
        found = expect(response, "Runs", asked="look for runs")["results"]
        return [DagsterRun.read(run) for run in found]

    def own_run(self, identity: Identity, *, stop_within: float) -> DagsterRun | None:
        """Return the run for which the task should wait, if any; stop the task's superseded runs.

        A run is superseded if the task was cleared after launching it. It is also superseded if the
        response to its launch was lost and the task then launched another run.
        """
        own = None
        for run in self.find_runs(identity.task_tags):
            if own is None and identity.is_own(run) and run.status not in LOST:
                own = run
                self.log.info("Re-attached to Dagster run %s (%s)", run.run_id, run.status)
            elif not run.has_ended:
                status = self.stop(run.run_id, within=stop_within)
                self.log.warning("Dagster run %s of this task is now %s", run.run_id, status)
        return own

    def launch(self, request: LaunchRequest, identity: Identity) -> DagsterRun:
        """Start exactly one run, even if responses get lost.

        Raises:
            DagsterUnavailableError: all launches failed, and no run was found. The task's next try
                looks for a run again before it launches one.
        """
        attempt = 1
        while True:
            try:
                return self._launch_once(request, identity)
            except DagsterUnavailableError as error:
                self.log.warning("%s", error)
                run = self._run_of_lost_response(identity) if error.may_have_arrived else None
                if run is not None:
                    return run
                if attempt == LAUNCH_ATTEMPTS:
                    raise
            time.sleep(2**attempt)
            attempt += 1

    def status(self, run_id: str) -> str:
        """Return the run's status."""
        return self.read_status(self.client.ask(graphql.STATUS, {"runId": run_id}, "runOrError"))

    async def async_status(self, client: httpx.AsyncClient, run_id: str) -> str:
        """Return the run's status with a single request; the caller repeats failed requests."""
        response = await self.client.async_ask(client, graphql.STATUS, {"runId": run_id})
        return self.read_status(response["runOrError"])

    @staticmethod
    def read_status(response: dict[str, Any]) -> str:
        """Return the status from a response; MISSING if the run was deleted."""
        if response["__typename"] == "RunNotFoundError":
            return MISSING
        return str(expect(response, "Run", asked="return the run's status")["status"])

    def outcome(self, run_id: str) -> Outcome:
        """Read all events of a run; return its outcome."""
        reader, cursor, more = OutcomeReader(run_id, self.address.run_page(run_id)), None, True
        while more:
            variables = {"runId": run_id, "cursor": cursor}
            response = self.client.ask(graphql.EVENTS, variables, "runOrError")
            page = expect(response, "Run", asked=f"show run {run_id}")
            reader.take(page)
            cursor = page["eventConnection"]["cursor"]
            more = page["eventConnection"]["hasMore"]
        return reader.outcome()

    def stop(self, run_id: str, *, within: float) -> str:
        """Stop a run, wait up to `within` seconds for its end, and return its last status."""
        deadline, was_marked = time.monotonic() + within, False
        while (status := self.status(run_id)) not in _GONE or was_marked:
            # The process may have started while the run was being marked: check the status again.
            was_marked = status in _ABOUT_TO_START
            if status not in _GONE and status != "CANCELING":
                self.log.warning("Stopping Dagster run %s (%s)", run_id, status)
                self._ask_to_stop(run_id, policy=_MARK if was_marked else "SAFE_TERMINATE")
            if time.monotonic() > deadline:
                break
            time.sleep(1)
        return status

    def _ask_to_stop(self, run_id: str, *, policy: str) -> None:
        variables = {"runId": run_id, "policy": policy}
        response = self.client.ask(graphql.TERMINATE, variables, "terminateRun", tries=3)
        if response["__typename"] != "TerminateRunSuccess":
            self.log.warning("Dagster: %s", response.get("message") or response["__typename"])

    def locations(self) -> dict[str, dict[str, Any]]:
        """Return the code locations by name, with the fields of `graphql.LOCATIONS`."""
        response = self.client.ask(graphql.LOCATIONS, {}, "workspaceOrError")
        workspace = expect(response, "Workspace", asked="list its code locations")
        return {entry["name"]: entry for entry in workspace["locationEntries"]}

    def _launch_once(self, request: LaunchRequest, identity: Identity) -> DagsterRun:
        variables = {"params": request.params(identity)}
        response = self.client.ask(graphql.LAUNCH, variables, "launchRun", tries=1)
        target = request.job_name or ", ".join(request.assets)
        asked = f"launch {target} of code location {request.location!r}"
        return DagsterRun.read(expect(response, "LaunchRunSuccess", asked=asked)["run"])

    def _run_of_lost_response(self, identity: Identity) -> DagsterRun | None:
        # Launching again at once could create two runs: Dagster may still be starting the first.
        deadline = time.monotonic() + self.settle_seconds
        while True:
            runs = self.find_runs(identity.launch_tags)
            for run in runs:
                if run.status not in {"FAILURE", "CANCELED"}:
                    self.log.info("The launch did arrive: run %s", run.run_id)
                    return run
            if time.monotonic() > deadline:
                return None
            time.sleep(2)
