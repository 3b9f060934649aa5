"""Registers the package next to this file with Airflow.

Airflow loads this file as a top-level module under its file name, so the name must be unique. DAGs
and Airflow itself can import the package, because the plugins folder is on their path.
"""

from airflow.plugins_manager import AirflowPlugin

from cryptoassets_airflow.link import DagsterRunLink


class CryptoassetsAirflowPlugin(AirflowPlugin):
    """Registers the link, because Airflow 2 ignores operator links that no plugin registers."""

    name = "cryptoassets_airflow"
    operator_extra_links = [DagsterRunLink()]  # noqa: RUF012 - Airflow expects a list
