"""Tests of `cryptoassets.analysis`, which reads the warehouse as the role `analyst`."""
