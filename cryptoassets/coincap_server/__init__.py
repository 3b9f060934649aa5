"""This project's CoinCap-compatible server: simulated prices, or recorded answers.

What goes here: the server, its answers, and faults on demand. It uses only the parts of `coincap`
that describe the protocol. What stays out: the client, which never imports this package.
"""
