"""The servers that tests ask."""

from cryptoassets_tests.coincap_server.fixtures import plan_faults, samples, source

__all__ = ["plan_faults", "samples", "source"]
