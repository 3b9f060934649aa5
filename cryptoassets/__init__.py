"""Crypto-market data platform: CoinCap to MongoDB to Spark to PostgreSQL as Dagster assets.

What goes here: nothing but this text. Parts meet in `cryptoassets.definitions`.
"""
