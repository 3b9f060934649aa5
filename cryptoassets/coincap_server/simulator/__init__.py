"""Simulated CoinCap: real coins, made-up prices that move like prices.

What goes here: the coins, the random paths, and the answers made of them. What stays out: HTTP,
the key and faults (in `coincap_server`).
"""
