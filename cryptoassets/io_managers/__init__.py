"""One IO manager per store: MongoDB (raw), Parquet by Spark (clean), PostgreSQL (warehouse, marts).

What goes here: where an asset's partition lies, how it is written whole and handed on. What stays
out: connections (in `resources`), what Spark's tasks read and copy (in `stores`) and what the data
means (in `transforms`).
"""
