"""Tests of upkeep: partitions, gaps, coins, retention."""
