"""The operations behind the commands, such as `run`, `backfill` and `audit`.

What goes here: one module per operation, and what operations share. Each returns typed values and
reports to a `Progress`. What stays out: options, tables and exit codes (in `cli`), code that
Dagster's own runs also use (in `upkeep`, `checks` and the packages below them).
"""
