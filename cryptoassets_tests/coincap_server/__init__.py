"""Tests of our own server: the simulator, the replay, faults and HTTP."""
