"""Tests of spans of time."""
