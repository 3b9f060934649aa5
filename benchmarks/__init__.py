"""Benchmarks: `make bench`, and two separate programs (`backfill`, `airflow_latency`).

What goes here: workloads, different ways of doing the same work, measuring each way in its own
processes, and the page with the results. What stays out: the product; benchmarks use only its
commands and public names. `python -m benchmarks --help` lists the cases.
"""
