"""Tests of the simulated market and its texts."""
