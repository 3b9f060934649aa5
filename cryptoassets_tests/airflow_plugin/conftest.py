"""Collects the plugin's unit tests only in Airflow's environment.

The tests in `live/` run in the product's environment and control Airflow from outside.
"""

from importlib.util import find_spec

# If Airflow is not installed, `airflow` is this project's folder, which has no `models`.
collect_ignore = [] if find_spec("airflow.models") else ["unit"]
