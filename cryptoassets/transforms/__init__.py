"""Pure functions from table to table: parsing, rules, marts.

What goes here: what the data means, without input or output. Documents are judged by Arrow
kernels; marts are computed by Spark expressions. What stays out: reading and writing (in
`io_managers`) and Dagster (in `assets`, `checks`).
"""
