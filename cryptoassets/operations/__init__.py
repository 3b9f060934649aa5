"""The operations behind the commands: run, backfill, rebuild, requeue, audit, status, ...

What goes here: one module per operation, and what operations share. Each returns typed values and
reports to a `Progress`. What stays out: options, tables and exit codes (in `cli`), code that
Dagster's own runs use, too (in `upkeep`, `checks` and the packages below them).
"""
