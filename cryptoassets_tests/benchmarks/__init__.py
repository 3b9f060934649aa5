"""Tests of `make bench`: measuring, comparing, storing and showing results."""
