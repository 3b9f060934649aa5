"""Runs property tests for minutes instead of seconds; see `__main__`."""
