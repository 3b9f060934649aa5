"""Asset checks: data quality, layer by layer, and the proof across the stores.

What goes here: checks that say what, how many, and show a few. What stays out: the rules for single
rows (in `transforms.rules`), which put a row into quarantine.
"""

from cryptoassets.checks import clean, raw, warehouse

LAYERS = {"raw": raw, "clean": clean, "warehouse": warehouse}
"""Layer to module; a layer without checks is absent."""

__all__ = ["LAYERS"]
