"""Promises of the plugin that need no Airflow server; collected where Airflow is installed."""
