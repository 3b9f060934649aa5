"""Collects the reason codes of all flows.

What goes here: `known_reasons`. What stays out: the codes (in `rules`, and in the flow's own
module, e.g. `rates`).
"""

from importlib import import_module

from cryptoassets.schemas import FLOWS
from cryptoassets.transforms.rules import REASONS


def known_reasons() -> dict[str, str]:
    """Return the meaning of each reason code: the common codes, then those of each flow."""
    meanings = dict(REASONS)
    for flow in FLOWS:
        meanings |= getattr(import_module(flow.rules[0]), "REASONS", {})
    return meanings
