"""History: which points to request from CoinCap, what it answered, and which points are missing.

What goes here: requests, plans, the records of calls, fetching, gaps, and the remaining work of a
backfill. What stays out: HTTP calls to CoinCap (in `coincap`), storing (in `io_managers`), rules
for points (in `transforms.history`), running jobs (in `operations`).
"""
