"""Promises of the package `cryptoassets.stores`."""
