"""Tests of alerts and metrics."""
