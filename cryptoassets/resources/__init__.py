"""Connections to what lies outside: one resource per store or source, and the SparkSession.

What goes here: how the driver connects, with its time-outs, and what it hands to Spark's workers.
What stays out: what is read and written through a connection (in `stores` and `io_managers`) and
how a server that is missing gets started (in `embedded`).
"""
