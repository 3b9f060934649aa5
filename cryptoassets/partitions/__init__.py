"""Partitions: the span of time of each, its names, and how Dagster declares and backfills them.

What goes here: spans (in `spans`, without Dagster, as Spark's workers import it) and Dagster's
definitions (in `policies`). What stays out: what lies in a partition.
"""
