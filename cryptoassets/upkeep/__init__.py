"""Looking after what is stored: which partitions there are, repaired coins, expired partitions.

What goes here: what works on all three stores at once and is no asset. What stays out: what a
partition's rows mean (in `transforms`), how they are published (in `io_managers`), and the verbs.
"""
