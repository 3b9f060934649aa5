"""Tests of the source: the client against real HTTP servers on loopback."""
