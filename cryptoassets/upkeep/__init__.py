"""Maintenance of stored data: listing partitions, repairing coins, expiring partitions.

What goes here: work on several stores at once that no asset does. What stays out: the meaning of a
partition's rows (in `transforms`), publishing rows (in `io_managers`), and the commands.
"""
