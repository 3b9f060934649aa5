"""Connections to external systems: one resource per store or source, and the SparkSession.

What goes here: how the driver connects, with its timeouts, and what it passes to Spark's workers.
What stays out: what is read and written through a connection (in `stores` and `io_managers`) and
how a missing server is started (in `embedded`).
"""
