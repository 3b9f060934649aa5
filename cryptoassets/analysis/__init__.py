"""Reads the platform's tables as the role `analyst`: for the Python API, SQL and exported files.

What goes here: the analyst's connection, queries, results and exports. What stays out: writing to a
store, and starting one.
"""
