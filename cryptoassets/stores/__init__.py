"""The content of the stores: documents, cleaned files, published rows and their checksums.

What goes here: reading and writing that IO managers, checks and commands share. What stays out:
Dagster's contexts (in `io_managers`), connections (in `resources`), rules (in `transforms`).

Spark's workers import modules of this package, so these import neither Dagster nor PySpark.
"""
