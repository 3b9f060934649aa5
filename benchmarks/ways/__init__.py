"""Different ways to turn raw documents into published rows; each is a separate program.

What goes here: the programs. What stays out: preparing their stores and measuring them (in
`cases`).

Every program reads its task from the environment (see `task`). `process_job` runs the product. The
others, the rivals, are what a good engineer would write for this task alone. They apply only the
rules that the workload breaks. They have no Parquet, rules for whole snapshots, checks, ledger or
idempotent retries.
"""
