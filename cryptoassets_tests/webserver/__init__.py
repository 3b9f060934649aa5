"""Dagster's page: what it answers, and what it refuses."""
