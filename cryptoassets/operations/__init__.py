"""What the platform does when it is asked: run, backfill, rebuild, requeue, audit, status, ...

What goes here: one module per operation, and what operations share. Each returns typed values and
reports to a `Progress`. What stays out: options, tables and exit codes (in `cli`), the parts that
Dagster's own runs need, too (in `upkeep`, `checks` and below).
"""
