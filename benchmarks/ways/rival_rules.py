"""The fields that all rivals read and store, and the formats of numbers.

The rivals are the programs with which the product is compared.

What goes here: names and patterns that every rival needs; no imports outside of the standard
library. What stays out: applying the rules, which each rival does differently.
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
"""The fields of a payload that the rules read and the quarantine stores."""
DOUBLES = ("vwap_usd_24h", "change_pct_24h")
"""The source sends these in JavaScript's format for doubles; rivals round to 18 decimal places."""
NOT_NEGATIVE = ("market_cap_usd", "volume_usd_24h", "vwap_usd_24h", "supply", "max_supply")
EXACT = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"
"""A number that DECIMAL(38, 18) stores exactly."""
TOO_LARGE = r"^-?[0-9]{21,}(\.[0-9]*)?$"
TOO_FINE = r"^-?[0-9]{1,20}\.[0-9]{19,}$"
