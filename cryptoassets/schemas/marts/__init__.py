"""All marts: every `Mart` that a module of this package declares.

What goes here: one module per mart, with its table and its `Mart`; modules are found without
registration. What stays out: the class `Mart` (in `schemas.mart`). docs/tutorial.md shows how to
add a mart.
"""

from cryptoassets.schemas.declared import declared_in
from cryptoassets.schemas.mart import Mart

MARTS = sorted(declared_in(__name__, __path__, Mart), key=lambda one: (one.reads_marts, one.asset))
"""All marts; those that read other marts are last. It is a list, so that a test can add a mart
temporarily."""


def mart_named(asset: str) -> Mart:
    """Return the mart with this asset key, e.g. `marts/coin_daily`.

    Raises:
        KeyError: there is no such mart.
    """
    return {mart.asset: mart for mart in MARTS}[asset]
