"""Crypto-market data platform: CoinCap to MongoDB to Spark to PostgreSQL as Dagster assets.

What goes here: only this docstring. The parts are wired together in `cryptoassets.definitions`.
"""
