"""The rules a coin of a snapshot must keep, each with its reason code.

What goes here: reason codes and the conditions behind them, one row at a time. What stays out:
rules over a whole snapshot and outcomes (in `prices`), and how text becomes a number (`numbers`).

A code is `<column>_<problem>`, or a word of its own; `REASONS` explains each to people.
"""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from cryptoassets.schemas import PRICE_MEASURES
from cryptoassets.transforms.numbers import decimal_value, number_problem

SOURCE_FIELDS = {
    "price_usd": "priceUsd",
    "market_cap_usd": "marketCapUsd",
    "volume_usd_24h": "volumeUsd24Hr",
    "vwap_usd_24h": "vwap24Hr",
    "change_pct_24h": "changePercent24Hr",
    "supply": "supply",
    "max_supply": "maxSupply",
}
"""Column of ours to CoinCap's field."""

HISTORY_FIELDS = {"price_usd": "priceUsd", "circulating_supply": "circulatingSupply"}
"""The same of a point of history."""

# CoinCap v3 prints these two as JavaScript prints a double; all others with at most 18 places.
DOUBLE_FIELDS = frozenset({"vwap_usd_24h", "change_pct_24h"})

SUPPLY_TOLERANCE = 1e-9
MARKET_CAP_TOLERANCE = 1e-6
LOWEST_CHANGE_PCT = -100

_NOT_NEGATIVE = ("market_cap_usd", "volume_usd_24h", "vwap_usd_24h", "supply", "max_supply")
_COIN_ID = r"\A[a-z0-9][a-z0-9._-]{0,199}\z"
_RANK = r"\A[1-9][0-9]{0,8}\z"

NUMBER_PROBLEMS = {
    "malformed": "is not a plain decimal number",
    "overflow": "has more than 20 digits before the point",
    "underflow": "is not zero but too small for 18 decimal places",
    "inexact": "has digits beyond the 18th decimal place",
}

REASONS: dict[str, str] = {
    **{
        f"{column.name}_{problem}": f"{SOURCE_FIELDS[column.name]} {words}"
        for column in PRICE_MEASURES
        for problem, words in NUMBER_PROBLEMS.items()
    },
    **{f"{name}_negative": f"{SOURCE_FIELDS[name]} is below zero" for name in _NOT_NEGATIVE},
    "price_usd_missing": "priceUsd is null or absent",
    "price_usd_not_positive": "priceUsd is zero or below",
    "supply_above_max_supply": "supply exceeds maxSupply by more than 1e-9 of it",
    "market_cap_usd_mismatch": "marketCapUsd differs from price x supply by more than 1e-6",
    "change_pct_24h_below_minus_100": "changePercent24Hr is below -100",
    "bad_id": "id is no slug (a-z, 0-9, '.', '_', '-'; at most 200), or not the document's",
    "rank_missing": "rank is null or absent",
    "rank_malformed": "rank is not a whole number above zero",
    "symbol_missing": "symbol is null, absent or empty",
    "name_missing": "name is null, absent or empty",
    "bad_text": "symbol, name or explorer holds a NUL, which PostgreSQL cannot store",
    "snapshot_incomplete": "the snapshot holds under 40 % of the coins asked for, or a page twice",
    "snapshot_unreliable": "over 60 % of the snapshot's rows are broken",
    **{
        f"circulating_supply_{problem}": f"circulatingSupply {words}"
        for problem, words in NUMBER_PROBLEMS.items()
    },
    "circulating_supply_negative": "circulatingSupply is below zero",
    "interval_unknown": "the interval is none of CoinCap's",
    "off_grid": "a point of history does not lie on the grid of its interval",
    "time_mismatch": "time and date of a point are not one instant, or not the document's",
    "contradictory_answer": "one answer holds this coin or point more than once, and differently",
    "foreign_document": "not written by this platform: a field is missing or of another BSON type",
}
"""Every reason code with its meaning."""


def _field(column: str) -> Column:
    return F.col("coin")[SOURCE_FIELDS[column]]


def number_problems() -> dict[str, Column]:
    """Measure to what keeps its text from being an exact decimal; null where nothing does."""
    return {
        column.name: number_problem(_field(column.name), is_double=column.name in DOUBLE_FIELDS)
        for column in PRICE_MEASURES
    }


def measure(column: str, problem: Column) -> Column:
    """DECIMAL(38,18) of a measure, read from the parsed payload `coin`; null if not exact."""
    return F.when(problem.isNull(), decimal_value(_field(column)))


def number_reasons(problems: Mapping[str, Column]) -> list[Column]:
    """One code or null a measure, of `number_problems`."""
    return [F.concat(F.lit(f"{column}_"), problem) for column, problem in problems.items()]


def is_slug(text: Column) -> Column:
    """Whether a text is the id of a coin; null for null."""
    return text.rlike(_COIN_ID)


def identity_reasons() -> list[Column]:
    """One code or null for each rule on id, rank and texts of `coin`."""
    coin = F.col("coin")
    is_own_slug = is_slug(coin["id"]) & (coin["id"] == F.col("coin_id"))
    has_nul = [F.contains(coin[name], F.lit("\x00")) for name in ("symbol", "name", "explorer")]
    return [
        _code("bad_id", ~F.coalesce(is_own_slug, F.lit(False))),
        _code("rank_missing", coin["rank"].isNull()),
        _code("rank_malformed", ~coin["rank"].rlike(_RANK)),
        _code("symbol_missing", F.coalesce(coin["symbol"], F.lit("")) == ""),
        _code("name_missing", F.coalesce(coin["name"], F.lit("")) == ""),
        _code("bad_text", reduce(Column.__or__, (F.coalesce(c, F.lit(False)) for c in has_nul))),
    ]


def plausibility_reasons() -> list[Column]:
    """One code or null for each rule on the typed measures of a row."""
    price, supply, cap = F.col("price_usd"), F.col("supply"), F.col("market_cap_usd")
    # Doubles only weigh a tolerance here: a decimal product would fall to scale 6 or overflow.
    expected_cap = price.cast("double") * supply.cast("double")
    cap_error = F.abs(cap.cast("double") - expected_cap)
    excess = supply.cast("double") - F.col("max_supply").cast("double")
    return [
        _code("price_usd_missing", _field("price_usd").isNull()),
        _code("price_usd_not_positive", price <= 0),
        *(_code(f"{name}_negative", F.col(name) < 0) for name in _NOT_NEGATIVE),
        _code(
            "supply_above_max_supply",
            excess > F.col("max_supply").cast("double") * SUPPLY_TOLERANCE,
        ),
        _code("market_cap_usd_mismatch", cap_error > F.abs(expected_cap) * MARKET_CAP_TOLERANCE),
        _code("change_pct_24h_below_minus_100", F.col("change_pct_24h") < LOWEST_CHANGE_PCT),
    ]


def _code(reason: str, condition: Column) -> Column:
    return F.when(condition, F.lit(reason))
