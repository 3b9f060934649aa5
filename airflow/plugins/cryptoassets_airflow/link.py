"""The button on an Airflow task that opens the task's run in Dagster's UI."""

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

RUN_URL_KEY = "dagster_run_url"


class DagsterRunLink(BaseOperatorLink):
    """Link to the run's page on the open-source webserver, not the cloud product."""

    name = "Dagster run"
    # Airflow 3 reads the XCom itself and never calls `get_link`.
    xcom_key = RUN_URL_KEY

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the run's URL, or an empty string before the launch."""
        return XCom.get_value(ti_key=ti_key, key=RUN_URL_KEY) or ""
