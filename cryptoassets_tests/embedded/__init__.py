"""Tests of `cryptoassets.embedded`, with real servers."""
