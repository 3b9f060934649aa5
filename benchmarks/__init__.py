"""Measurements that decisions rest on: `make bench`, and two of their own.

What goes here: workloads, ways of doing the same work, measuring them as whole processes, and the
page that shows the results. What stays out: the product; only its commands, and names that it keeps
public, are used. `python -m benchmarks --help` lists the cases.
"""
