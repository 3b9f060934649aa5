"""One IO manager per store: MongoDB (raw), Parquet (clean), PostgreSQL (warehouse, marts).

What goes here: where a partition of an asset is stored, how it is written atomically and how it is
loaded. What stays out: connections (in `resources`), what Spark's tasks read and copy (in `stores`)
and what the data means (in `transforms`).
"""
