"""The source: CoinCap's client, its credit rules, and servers that speak as CoinCap does.

What goes here: everything that knows CoinCap's HTTP interface, on either end of the wire. What
stays out: stores and Dagster; what must be kept, credits or documents, is handed in or out.
"""
