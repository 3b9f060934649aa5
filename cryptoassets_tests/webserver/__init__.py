"""Dagster's page: what it serves, and what it refuses."""
