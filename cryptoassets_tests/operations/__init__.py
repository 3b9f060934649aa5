"""Tests of `cryptoassets.operations`."""
