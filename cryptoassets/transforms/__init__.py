"""Pure functions that turn tables into tables: parsing, rules, marts.

What goes here: what the data means. Arrow functions, called kernels, judge raw documents: they
parse each document and list the rules that it breaks. Spark expressions compute marts. What stays
out: reading and writing data (in `io_managers`) and Dagster (in `assets`, `checks`).
"""
