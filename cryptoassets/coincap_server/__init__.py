"""This project's CoinCap-compatible server: simulated prices, or recorded responses.

What goes here: the server, its responses, and faults on demand. The server uses only those parts of
`coincap` that deal with the protocol. What stays out: the client, which never imports this package.
"""
