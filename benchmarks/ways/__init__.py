"""Ways from raw documents to published rows, each a separate program.

What goes here: what each way does with the documents of a span. What stays out: preparing its
stores and measuring it (in `cases`).

Every program reads its task from the environment (see `task`). `process_job` is ours; the others
are what a good engineer would write for this task alone. They apply those rules that the workload
breaks. They have no Parquet, rules over whole snapshots, checks, ledger or idempotent retries.
"""
