"""One IO manager a store: MongoDB (raw), Parquet by Spark (clean), PostgreSQL (warehouse, marts).

What goes here: where an asset's partition lies, how it is written whole and read by range. What
stays out: connections (in `resources`) and what the data means (in `transforms`).
"""
