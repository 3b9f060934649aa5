"""Tests of `cryptoassets.analysis`: what reads as the role `analyst`."""
