"""A simulated CoinCap: real coins with invented prices that move like real ones.

What goes here: the coins, the random paths, and the responses computed from them. What stays out:
HTTP, the key and faults (in `coincap_server`).
"""
