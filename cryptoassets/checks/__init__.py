"""Asset checks: data quality of each layer, and the reconciliation of the stores.

What goes here: checks that report each problem with its count and a few examples. What stays out:
the rules for single rows (in `transforms.rules`), which decide which rows are quarantined.
"""

from collections.abc import Collection
from importlib import import_module

import dagster as dg

from cryptoassets.checks import clean, marts, raw, warehouse
from cryptoassets.checks.clean import contract_checks
from cryptoassets.checks.warehouse import reconciliation_check
from cryptoassets.schemas import FLOWS, MARTS


def checks_in(layers: Collection[str]) -> list[dg.AssetChecksDefinition]:
    """Return the checks of the assets in some layers; common checks of all flows come first.

    A mart's checks may also be defined in the module of its asset.
    """
    builders = (contract_checks, reconciliation_check)
    common = [build(flow) for build in builders for flow in FLOWS]
    of_marts = [import_module(name) for name in dict.fromkeys(mart.assets for mart in MARTS)]
    special = dg.load_asset_checks_from_modules([raw, clean, warehouse, marts, *of_marts])
    return [
        one
        for one in (*common, *special)
        if {key.asset_key.path[0] for key in one.check_keys} <= {*layers}
    ]


__all__ = ["checks_in"]
