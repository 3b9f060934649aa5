"""Access to the content of the stores: documents, cleaned files, published rows, checksums.

What goes here: reading and writing that IO managers, checks and commands share. What stays out:
Dagster's contexts (in `io_managers`), connections (in `resources`), rules (in `transforms`).

Spark's workers import modules of this package, so none of them imports Dagster or PySpark.
"""
