"""Asset checks: data quality of each layer, and the reconciliation of the stores.

What goes here: checks that report each problem with its count and a few examples. What stays out:
the rules for single rows (in `transforms.rules`), which decide what is quarantined.
"""

from cryptoassets.checks import clean, raw, warehouse

LAYERS = {"raw": raw, "clean": clean, "warehouse": warehouse}
"""Maps each layer to its module; a layer without checks is absent."""

__all__ = ["LAYERS"]
