"""CoinCap, the data source: its client, its credit rules, and documents built from its responses.

What goes here: the client side of CoinCap's HTTP interface. What stays out: this project's own
CoinCap-compatible server (`coincap_server`), stores and Dagster. The caller stores the documents
and keeps the ledger of credits.
"""
