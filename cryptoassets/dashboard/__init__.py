"""The dashboard: the market, each coin and the pipeline, as pages in the browser.

What goes here: pages, charts and their SQL. What stays out: the connection (in `analysis`), which
uses the role `analyst` and can only read.
"""
