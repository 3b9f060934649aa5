"""The operations behind the commands, such as `run`, `backfill` and `audit`.

What goes here: one module per operation, and code that operations share. Each operation returns
typed values and reports to a `Progress`. What stays out: command-line options, printed tables and
exit codes (in `cli`), code that is also used by runs that Dagster starts (in `upkeep`, `checks` and
the packages that they import).
"""
