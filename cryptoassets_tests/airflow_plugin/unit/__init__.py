"""Tests of the plugin without an Airflow server; collected where Airflow is installed."""
