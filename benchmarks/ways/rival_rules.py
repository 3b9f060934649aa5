"""What all rivals read and keep, and the forms of a number; standard library only.

What goes here: names and patterns that every way of judging needs. What stays out: judging, which
each way does with its own means.
"""

AMOUNTS = (
    *("price_usd", "market_cap_usd", "volume_usd_24h", "vwap_usd_24h", "change_pct_24h"),
    *("supply", "max_supply"),
)
PRICES = ("coin_id", "observed_at", *AMOUNTS, "rank", "source", "fetched_at", "raw_id")
QUARANTINE = ("raw_id", "reasons", "payload")

SOURCE_FIELDS = {
    "price_usd": "priceUsd",
    "market_cap_usd": "marketCapUsd",
    "volume_usd_24h": "volumeUsd24Hr",
    "vwap_usd_24h": "vwap24Hr",
    "change_pct_24h": "changePercent24Hr",
    "supply": "supply",
    "max_supply": "maxSupply",
}
FIELDS = ("id", "rank", "symbol", "name", "explorer", *SOURCE_FIELDS.values())
"""Of a payload: what the rules read and the quarantine keeps."""
DOUBLES = ("vwap_usd_24h", "change_pct_24h")
"""Printed by the source as JavaScript prints a double, rounded at the 18th decimal place."""
NOT_NEGATIVE = ("market_cap_usd", "volume_usd_24h", "vwap_usd_24h", "supply", "max_supply")
EXACT = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"
"""A number that DECIMAL(38, 18) holds exactly."""
TOO_LARGE = r"^-?[0-9]{21,}(\.[0-9]*)?$"
TOO_FINE = r"^-?[0-9]{1,20}\.[0-9]{19,}$"
