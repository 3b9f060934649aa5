"""Checks whether Dagster has loaded its code locations.

What goes here: the check, the operator that runs it before anything is launched, and the error for
a launch that names an unknown code location.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from cryptoassets_airflow.errors import DagsterError
from cryptoassets_airflow.hook import DagsterHook

Locations = Mapping[str, Mapping[str, Any]]


def require_loaded(locations: Locations, name: str) -> None:
    """Raise an error if a code location cannot be used.

    Raises:
        DagsterError: the code location does not exist or is not loaded; the message explains why.
    """
    entry = locations.get(name)
    if entry is None:
        known = ", ".join(sorted(locations)) or "none"
        raise DagsterError(
            f"Dagster has no code location {name!r} (it has: {known}). Correct the name in the "
            "DAG, in the Airflow variable or in Dagster's workspace.yaml; then clear this task"
        )
    content = entry["locationOrLoadError"]
    if entry["loadStatus"] == "LOADING" or content is None:
        raise DagsterError(f"Dagster is still loading code location {name!r}. A retry will help")
    if content["__typename"] != "RepositoryLocation":
        lines = str(content.get("message", content["__typename"])).strip()
        raise DagsterError(
            f"Dagster could not load code location {name!r}: {lines[:2000]}. Fix its code and "
            "reload it in Dagster; then clear this task"
        )


def explain_unknown_job(error: DagsterError, locations: Locations, name: str) -> DagsterError:
    """Return the error that explains why Dagster did not find a job.

    Dagster gives the same response for an unknown job and for an unknown code location.

    Args:
        error: returned if the code location is loaded, because then only the job is unknown.
        locations: all code locations.
        name: the code location of the launch.
    """
    try:
        require_loaded(locations, name)
    except DagsterError as reason:
        return reason
    return error


class DagsterReadyOperator(BaseOperator):
    """Succeeds if Dagster responds and has loaded these code locations; otherwise fails.

    Args:
        locations: names of code locations; duplicates are allowed.
    """

    template_fields: Sequence[str] = ("locations",)
    ui_color = "#f2f0ff"

    def __init__(
        self,
        *,
        locations: Sequence[str],
        dagster_conn_id: str = DagsterHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.locations = locations
        self.dagster_conn_id = dagster_conn_id

    def execute(self, context: Any) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Check once, and return the names of all code locations; Airflow's retries check again."""
        hook = DagsterHook(self.dagster_conn_id)
        found = hook.locations()
        for name in dict.fromkeys(self.locations):
            require_loaded(found, name)
            self.log.info("Dagster at %s has loaded code location %s", hook.address.root, name)
        return list(found)
