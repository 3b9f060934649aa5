"""The operations behind the commands, such as `run`, `backfill` and `audit`.

What goes here: one module per operation, and code that operations share. Each operation returns
typed values and reports to a `Progress`. What stays out: command-line options, printed tables and
exit codes (in `cli`), code that runs started by Dagster also use (in `upkeep`, `checks` and the
packages below them).
"""
