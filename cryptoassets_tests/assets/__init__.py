"""Tests of the assets, materialized by Dagster."""
