"""The software-defined assets: those of each flow, the marts and the quarantine.

What goes here: short asset functions that pass their inputs to a function and return its result.
What stays out: reading and writing stores (in `io_managers`), and computation (in `coincap` and
`transforms`).
"""

from collections.abc import Collection
from importlib import import_module

import dagster as dg

from cryptoassets.assets.quarantine import quarantine
from cryptoassets.schemas import FLOWS, MARTS

LAYERS = ("raw", "clean", "warehouse", "marts")
"""The layers, in the order of the data flow; an asset's key begins with its layer."""
_KINDS = (dg.AssetsDefinition, dg.AssetSpec)


def assets_in(layers: Collection[str]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Return all assets in these layers: those of the flows, the marts and the quarantine."""
    names = dict.fromkeys([*(flow.assets for flow in FLOWS), *(mart.assets for mart in MARTS)])
    loaded = dg.load_assets_from_modules(map(import_module, names), include_specs=True)
    definitions = [one for one in loaded if isinstance(one, dg.AssetsDefinition)]
    specs = [one for one in loaded if isinstance(one, dg.AssetSpec)]
    # With these references, Dagster's UI links each asset to its source code.
    linked = dg.with_source_code_references(definitions)
    found = [one for one in (*linked, *specs, quarantine()) if isinstance(one, _KINDS)]
    return [one for one in found if one.key.path[0] in layers]


__all__ = ["LAYERS", "assets_in"]
