"""Tests with a real Airflow and a real Dagster: `make test-airflow`."""
