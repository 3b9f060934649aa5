"""The source: CoinCap's client, its credit rules, and the documents built from its answers.

What goes here: the client side of CoinCap's HTTP interface. What stays out: this project's own
CoinCap-compatible server (`coincap_server`), stores and Dagster. Credits and documents are passed
to and from the caller, which stores them.
"""
