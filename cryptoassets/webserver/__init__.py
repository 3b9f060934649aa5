"""Dagster's web page, protected from pages of other origins: `python -m cryptoassets.webserver`.

What goes here: Dagster's webserver behind a guard, and `dagster dev` with that webserver. What
stays out: which requests are foreign (in `origins`), what runs in Dagster (in `definitions`).
"""
