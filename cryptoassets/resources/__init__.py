"""Connections to external systems: one resource per store or source, and the SparkSession.

What goes here: opening connections with timeouts, and what the Spark driver passes to its workers.
What stays out: what is read and written through a connection (in `stores` and `io_managers`) and
starting the embedded servers (in `embedded`).
"""
