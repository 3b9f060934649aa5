"""History: what is requested from CoinCap, what it answered, and what is missing.

What goes here: requests, plans, the records of calls, fetching, gaps, and the remaining work of a
backfill. What stays out: CoinCap's HTTP (in `coincap`), storing (in `io_managers`), rules for
points (in `transforms.history`), running jobs (in `cli`).
"""
