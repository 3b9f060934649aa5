"""Pure functions that turn tables into tables: parsing, rules, marts.

What goes here: the meaning of the data, without reading or writing any. Arrow kernels judge
documents; Spark expressions compute marts. What stays out: reading and writing (in `io_managers`)
and Dagster (in `assets`, `checks`).
"""
