"""Tests of the package `cryptoassets.stores`."""
