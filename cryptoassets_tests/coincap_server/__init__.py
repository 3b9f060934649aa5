"""Tests of the CoinCap-compatible server: the simulator, the replay, faults and HTTP."""
