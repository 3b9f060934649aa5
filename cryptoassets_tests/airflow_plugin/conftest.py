"""Unit tests of the plugin run in Airflow's environment; elsewhere they are left out.

`live/` is another matter: it runs in the product's environment and drives Airflow from outside.
"""

from importlib.util import find_spec

# Without Airflow installed, `airflow` is our own folder: a namespace without `models`.
collect_ignore = [] if find_spec("airflow.models") else ["unit"]
