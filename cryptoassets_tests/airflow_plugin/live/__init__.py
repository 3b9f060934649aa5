"""Promises that need a real Airflow and a real Dagster: `make test-airflow`."""
