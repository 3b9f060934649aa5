"""Benchmarks: `make bench`, and three separate programs (`airflow_latency`, `backfill`, `soak`).

What goes here: workloads, different ways of doing the same work, measuring each way in its own
processes, and the page with the results. What stays out: the product; benchmarks use only its
commands and public names. `python -m benchmarks --help` lists the cases.
"""
