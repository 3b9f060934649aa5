"""Tests of the harness of `make bench`: what it measures, compares and keeps."""
