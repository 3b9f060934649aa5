"""Promises of the Airflow part."""
