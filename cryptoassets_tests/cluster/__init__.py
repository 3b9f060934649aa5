"""Tests that need a Spark cluster: a master and two workers on loopback, without Docker."""
