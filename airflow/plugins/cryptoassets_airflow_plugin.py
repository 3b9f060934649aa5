"""What Airflow must be told of the package beside this file.

Airflow loads this file as a top-level module by its stem, hence the distinctive name; the package
is imported by DAGs and by Airflow itself, as the plugins folder is on its path.
"""

from airflow.plugins_manager import AirflowPlugin

from cryptoassets_airflow.link import DagsterRunLink


class CryptoassetsAirflowPlugin(AirflowPlugin):
    """Registers the link: Airflow 2 drops links of operators that no plugin names."""

    name = "cryptoassets_airflow"
    operator_extra_links = [DagsterRunLink()]  # noqa: RUF012 - Airflow's form
