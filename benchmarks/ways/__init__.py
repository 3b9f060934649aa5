"""Different ways to turn raw documents into published rows; each is a separate program.

What goes here: the programs. What stays out: preparing their stores and measuring them (in
`cases`).

`process_job` runs the product. `floors` only reads the documents. The other programs are called
rivals: they are what a good engineer would write for this task alone. Rivals and `floors` read the
task from environment variables (see `task`). Rivals apply only the rules that documents of the
workload break. They have no Parquet, no rules for whole snapshots, no checks and no ledger.
"""
