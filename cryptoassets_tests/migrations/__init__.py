"""Tests of `cryptoassets.migrations`."""
