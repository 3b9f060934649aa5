"""History: what is asked of CoinCap, what it answered, and what is missing.

What goes here: requests, plans, the book of calls, fetching, gaps, and what a backfill has left to
do. What stays out: CoinCap's HTTP (in `coincap`), storing (in `io_managers`), rules for points (in
`transforms.history`), running jobs (in `cli`).
"""
