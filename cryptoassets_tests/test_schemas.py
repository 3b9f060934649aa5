"""The schemas name what the definitions contain."""

import dagster as dg

from cryptoassets.definitions import defs
from cryptoassets.schemas import FLOWS, asset_keys

GRAPH = defs.resolve_asset_graph()


def test_schemas_name_every_asset_and_its_freshness_limit() -> None:
    """`status` reads both from there, because importing the asset graph takes half a second."""
    limits = {flow.asset: flow.fresh_within for flow in FLOWS}

    assert set(asset_keys()) == {key.to_user_string() for key in GRAPH.get_all_asset_keys()}
    for name in asset_keys():
        policy = GRAPH.get(dg.AssetKey.from_user_string(name)).freshness_policy
        window = getattr(policy, "fail_window", None)
        assert limits.get(name) == (window.to_timedelta() if window else None)
