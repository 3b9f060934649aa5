"""Tests of history: planning, fetching, and detecting gaps."""
