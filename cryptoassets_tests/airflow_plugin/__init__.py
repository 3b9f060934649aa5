"""Tests of the Airflow plugin."""
