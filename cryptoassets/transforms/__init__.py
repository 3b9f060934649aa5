"""Pure functions from DataFrame to DataFrame: parsing, rules, marts.

What goes here: what the data means, as Spark or Arrow expressions without input or output.
What stays out: reading and writing (in `io_managers`) and Dagster (in `assets`, `checks`).
"""
