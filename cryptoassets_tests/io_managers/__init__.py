"""Tests of the IO managers, against real stores."""
