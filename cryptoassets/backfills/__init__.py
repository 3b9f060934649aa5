"""Price history: which points to request from CoinCap, the outcomes of calls, and missing points.

What goes here: requests, plans, call records, fetching, detecting gaps, and the remaining work of a
backfill. What stays out: HTTP calls to CoinCap (in `coincap`), storing points (in `io_managers`),
rules for points (in `transforms.history`), running jobs (in `operations`).
"""
