"""Partitions: their time spans, their names, and their definitions for Dagster.

What goes here: spans (in `spans`, which does not import Dagster because Spark's workers use it) and
Dagster's definitions (in `policies`). What stays out: the content of a partition.
"""
