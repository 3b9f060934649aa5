"""Tests of `cryptoassets.resources`."""
