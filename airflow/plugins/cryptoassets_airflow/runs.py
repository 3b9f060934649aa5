"""A Dagster run as Airflow sees it, and by which tags a task knows its own.

What goes here: values. What stays out: asking Dagster for them (in `hook`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
LOST = frozenset({"FAILURE", "CANCELED", "CANCELING"})
"""A retry does not wait on these, it launches another."""

_DAG, _RUN, _TASK = "airflow/dag_id", "airflow/run_id", "airflow/task_id"
_MAP_INDEX, _STARTED, _CLEARED = "airflow/map_index", "airflow/run_start", "airflow/cleared"


@dataclass(frozen=True)
class DagsterRun:
    """One run; `tags` as Dagster keeps them."""

    run_id: str
    status: str
    tags: Mapping[str, str]

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Take it from a GraphQL answer."""
        tags = {tag["key"]: tag["value"] for tag in answer.get("tags", ())}
        return cls(answer["runId"], answer["status"], tags)

    @property
    def has_ended(self) -> bool:
        """Whether its status will not change any more."""
        return self.status in ENDED


@dataclass(frozen=True)
class Identity:
    """The task instance that a run was launched for.

    Attributes:
        task_tags: of all its runs: retries, and what was launched before a person cleared it.
        launch_tags: of the runs that count now. Automatic retries keep them; clearing the task, or
            making a DAG run of the same name again, changes them.
    """

    task_tags: Mapping[str, str]
    launch_tags: Mapping[str, str]

    @classmethod
    def of(cls, context: Mapping[str, Any], retries: int) -> Self:
        """Take it from the context of a running task."""
        ti = context["ti"]
        task_tags = {
            _DAG: ti.dag_id,
            _RUN: ti.run_id,
            _TASK: ti.task_id,
            _MAP_INDEX: str(ti.map_index),
        }
        started = getattr(context.get("dag_run"), "start_date", None)
        # max_tries - retries stays over automatic retries and grows when a person clears the task.
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
        """Whether the run is of the launch that counts now."""
        return all(run.tags.get(key) == value for key, value in self.launch_tags.items())


@dataclass(frozen=True)
class LaunchRequest:
    """What to run: a job, or some assets of a code location, for one partition or none."""

    location: str
    repository: str
    job_name: str | None
    assets: Sequence[str]
    partition_key: str | None
    run_config: Mapping[str, Any]
    tags: Mapping[str, str]

    def params(self, identity: Identity) -> dict[str, Any]:
        """Return GraphQL's ExecutionParams."""
        tags = {**self.tags, **identity.launch_tags}
        if self.partition_key:
            tags["dagster/partition"] = self.partition_key
        selector: dict[str, Any] = {
            "repositoryLocationName": self.location,
            "repositoryName": self.repository,
            # The hidden job over all assets of a code location.
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
