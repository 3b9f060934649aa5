"""Tests of time spans."""
