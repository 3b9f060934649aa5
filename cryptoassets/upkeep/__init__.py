"""Maintenance of stored data: listing partitions, repairing coins, expiring partitions.

What goes here: work on all three stores at once that is not an asset. What stays out: the meaning
of a partition's rows (in `transforms`), publishing them (in `io_managers`), and the commands.
"""
