"""Tests of history: planned, fetched, and looked through for gaps."""
