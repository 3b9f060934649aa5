"""A Dagster run, and the tags by which a task finds its own runs.

What goes here: data classes. What stays out: requests to Dagster (in `hook`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
LOST = frozenset({"FAILURE", "CANCELED", "CANCELING"})
"""Instead of waiting for a run with one of these statuses, a retry launches another run."""

_DAG, _RUN, _TASK = "airflow/dag_id", "airflow/run_id", "airflow/task_id"
_MAP_INDEX, _STARTED, _CLEARED = "airflow/map_index", "airflow/run_start", "airflow/cleared"


@dataclass(frozen=True)
class DagsterRun:
    """A run, with its tags as Dagster stores them."""

    run_id: str
    status: str
    tags: Mapping[str, str]

    @classmethod
    def read(cls, response: Mapping[str, Any]) -> Self:
        """Read a run from a GraphQL response."""
        tags = {tag["key"]: tag["value"] for tag in response.get("tags", ())}
        return cls(response["runId"], response["status"], tags)

    @property
    def has_ended(self) -> bool:
        """Whether the run's status is final."""
        return self.status in ENDED


@dataclass(frozen=True)
class Identity:
    """Identifies the task instance for which a run was launched.

    Attributes:
        task_tags: tags that all runs of the task have, including runs from before it was cleared.
        launch_tags: tags that only the task's current runs have. Automatic retries keep these tags.
            Clearing the task, or creating a DAG run with the same name again, changes them.
    """

    task_tags: Mapping[str, str]
    launch_tags: Mapping[str, str]

    @classmethod
    def of(cls, context: Mapping[str, Any], retries: int) -> Self:
        """Create the identity from a running task's context."""
        ti = context["ti"]
        task_tags = {
            _DAG: ti.dag_id,
            _RUN: ti.run_id,
            _TASK: ti.task_id,
            _MAP_INDEX: str(ti.map_index),
        }
        started = getattr(context.get("dag_run"), "start_date", None)
        # max_tries - retries does not change with automatic retries, but increases when a user
        # clears the task.
        cleared = (ti.max_tries or 0) - retries
        return cls(
            task_tags,
            {
                **task_tags,
                _STARTED: started.isoformat() if started else "",
                _CLEARED: str(cleared),
            },
        )

    def is_own(self, run: DagsterRun) -> bool:
        """Return whether the run has all `launch_tags`, so that the task may wait for it."""
        return all(run.tags.get(key) == value for key, value in self.launch_tags.items())


@dataclass(frozen=True)
class LaunchRequest:
    """What to launch: a job, or assets of a code location, possibly for one partition."""

    location: str
    repository: str
    job_name: str | None
    assets: Sequence[str]
    partition_key: str | None
    run_config: Mapping[str, Any]
    tags: Mapping[str, str]

    def params(self, identity: Identity) -> dict[str, Any]:
        """Return the `ExecutionParams` for Dagster's mutation `launchRun`."""
        tags = {**self.tags, **identity.launch_tags}
        if self.partition_key:
            tags["dagster/partition"] = self.partition_key
        selector: dict[str, Any] = {
            "repositoryLocationName": self.location,
            "repositoryName": self.repository,
            # Dagster's hidden job that contains all assets of a code location.
            "jobName": self.job_name or "__ASSET_JOB",
        }
        if self.assets:
            selector["assetSelection"] = [{"path": name.split("/")} for name in self.assets]
        return {
            "selector": selector,
            "runConfigData": json.dumps(dict(self.run_config)),
            "mode": "default",
            "executionMetadata": {
                "tags": [{"key": key, "value": str(value)} for key, value in tags.items()]
            },
        }
