"""Odd values that a source may send.

What goes here: the values, and the expected result of each. What stays out: the runs.
"""

from decimal import Decimal
from typing import Any

EXACT: dict[str, tuple[str, dict[str, Any], str, Decimal | None]] = {
    "bitcoin": ("number", {"set": {"volumeUsd24Hr": 12.5}}, "volume_usd_24h", Decimal("12.5")),
    "ethereum": ("minus 0", {"set": {"changePercent24Hr": "-0"}}, "change_pct_24h", Decimal(0)),
    "xrp": ("null", {"set": {"vwap24Hr": None}}, "vwap_usd_24h", None),
    "monero": (
        "a JSON number with 18 digits",
        {"raw": {"volumeUsd24Hr": "0.123456789012345678"}},
        "volume_usd_24h",
        Decimal("0.123456789012345678"),
    ),
    "litecoin": (
        "38 digits",
        {"set": {"volumeUsd24Hr": "12345678901234567890.123456789012345678"}},
        "volume_usd_24h",
        Decimal("12345678901234567890.123456789012345678"),
    ),
}
"""Values that are loaded, by coin: description, patch, column, exact value."""

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "solana": ("40 digits", {"set": {"volumeUsd24Hr": "1" * 40}}, "volume_usd_24h_overflow"),
    "cardano": ("1e-19", {"set": {"volumeUsd24Hr": "1e-19"}}, "volume_usd_24h_underflow"),
    "dogecoin": ("NaN", {"set": {"vwap24Hr": "NaN"}}, "vwap_usd_24h_malformed"),
    "tron": ("Infinity", {"set": {"vwap24Hr": "Infinity"}}, "vwap_usd_24h_malformed"),
    "chainlink": ("1E400", {"set": {"volumeUsd24Hr": "1E400"}}, "volume_usd_24h_overflow"),
    "stellar": ("empty", {"set": {"volumeUsd24Hr": ""}}, "volume_usd_24h_malformed"),
    "sui": ("spaces", {"set": {"volumeUsd24Hr": " 1.5 "}}, "volume_usd_24h_malformed"),
    "uniswap": ("comma", {"set": {"volumeUsd24Hr": "1,234.5"}}, "volume_usd_24h_malformed"),
    "aave": ("hexadecimal", {"set": {"volumeUsd24Hr": "0x10"}}, "volume_usd_24h_malformed"),
    "near-protocol": ("Devanagari", {"set": {"volumeUsd24Hr": "१२"}}, "volume_usd_24h_malformed"),
    "polkadot": ("negative price", {"set": {"priceUsd": "-5"}}, "price_usd_not_positive"),
    "tether": ("no price", {"delete": ["priceUsd"]}, "price_usd_missing"),
}
"""Values that are quarantined, by coin: description, patch, reason."""

DEAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "avalanche": ("lone surrogate", {"raw": {"name": '"\\ud800"'}}, "bad_text"),
    "hedera-hashgraph": ("duplicate key", {"append": '"rank":"1"'}, "duplicate_keys"),
    "bitcoin-cash": (
        "a JSON number of 401 digits",
        {"raw": {"volumeUsd24Hr": "1" * 401}},
        "number_not_representable",
    ),
}
"""Values that become dead letters (MongoDB would change them), by coin: as in REFUSED."""

PATCHES: dict[str, dict[str, Any]] = {
    **{coin: patch for coin, (_, patch, _, _) in EXACT.items()},
    **{coin: patch for coin, (_, patch, _) in REFUSED.items()},
    **{coin: patch for coin, (_, patch, _) in DEAD.items()},
    "zcash": {"set": {"[/b] odd key": "1"}},
}
"""Patches by coin, as the fault `patch` takes them; zcash has a new key that looks like markup."""

COINS = 100
STORED = COINS - len(DEAD)
LOADED = STORED - len(REFUSED)
