"""The source: CoinCap's client, its credit rules, and the documents made of its answers.

What goes here: everything that knows CoinCap's HTTP interface, as one who asks. What stays out: our
own server that speaks as CoinCap does (`coincap_server`), stores and Dagster; what must be kept,
credits or documents, is handed in or out.
"""
