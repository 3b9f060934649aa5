"""The assets, materialized by Dagster."""
