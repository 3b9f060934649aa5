"""Ways from raw documents to published rows, each a program of its own.

What goes here: what each way does with the documents of a span. What stays out: preparing its
stores and measuring it (in `cases`).

Every program reads its task from the environment (see `task`). `process_job` is ours; the others
are what a good engineer would write for this job alone. They judge by the same rules, as far as the
workload breaks them, and need neither Parquet, rules over whole snapshots, checks, ledger nor
retries that write once.
"""
