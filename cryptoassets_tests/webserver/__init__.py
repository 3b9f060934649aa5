"""Tests of Dagster's guarded webserver: which requests it serves, and which it refuses."""
