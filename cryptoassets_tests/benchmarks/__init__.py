"""Tests of `make bench`: what it measures, compares and stores."""
