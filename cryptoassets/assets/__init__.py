"""The software-defined assets, in the order the data flows: raw, clean, warehouse, marts.

What goes here: short functions that load, call and return. What stays out: stores (IO managers
read and write them) and computation (in `coincap` and `transforms`).
"""

from cryptoassets.assets import clean, marts, raw, warehouse

LAYERS = {"raw": raw, "clean": clean, "warehouse": warehouse, "marts": marts}
"""Maps each layer to its module, in the order of the data flow."""

__all__ = ["LAYERS"]
