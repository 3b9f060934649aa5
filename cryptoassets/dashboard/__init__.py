"""The dashboard: the market, each coin and the pipeline, as pages in the browser.

What goes here: pages and charts. What stays out: queries (in `analysis`). It reads as `analyst`.
"""
