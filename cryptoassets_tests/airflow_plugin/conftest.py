"""Unit tests of the plugin run only in Airflow's environment.

The tests in `live/` run in the product's environment and control Airflow from outside.
"""

from importlib.util import find_spec

# Without Airflow installed, `airflow` is our own folder, a namespace package without `models`.
collect_ignore = [] if find_spec("airflow.models") else ["unit"]
