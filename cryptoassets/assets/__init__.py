"""The software-defined assets, in the order the data flows: raw, clean, warehouse, marts.

What goes here: thin bodies that load, call and return. What stays out: stores (an IO manager reads
and writes) and computation (in `coincap` and `transforms`).
"""

from cryptoassets.assets import clean, marts, raw, warehouse

LAYERS = {"raw": raw, "clean": clean, "warehouse": warehouse, "marts": marts}
"""Layer to module, in flow order."""

__all__ = ["LAYERS"]
