"""Partitions: their time spans, their names, and how Dagster declares and backfills them.

What goes here: spans (in `spans`, without Dagster because Spark's workers import it) and Dagster's
definitions (in `policies`). What stays out: the content of a partition.
"""
