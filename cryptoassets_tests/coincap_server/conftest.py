"""Fixtures with running servers."""

from cryptoassets_tests.coincap_server.fixtures import plan_faults, samples, source

__all__ = ["plan_faults", "samples", "source"]
