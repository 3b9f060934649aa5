"""The rules for single rows, with their reason codes.

What goes here: reason codes, the rules for coins of a snapshot, and the rules that history shares
with snapshots. What stays out: rules that concern a whole snapshot (in `prices`), parsing numbers
(in `numbers`).

A code is `<column>_<problem>` or a phrase such as `off_grid`; `REASONS` explains each code.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.schemas import PRICE_MEASURES
from cryptoassets.transforms.numbers import DECIMAL, exact_decimals, whole_number
from cryptoassets.transforms.outcomes import Breaches, Rows, rows_where
from cryptoassets.transforms.tolerances import rows_above, rows_apart

SOURCE_FIELDS = {
    "price_usd": "priceUsd",
    "market_cap_usd": "marketCapUsd",
    "volume_usd_24h": "volumeUsd24Hr",
    "vwap_usd_24h": "vwap24Hr",
    "change_pct_24h": "changePercent24Hr",
    "supply": "supply",
    "max_supply": "maxSupply",
}
"""Maps this platform's column names to CoinCap's field names."""

HISTORY_FIELDS = {"price_usd": "priceUsd", "circulating_supply": "circulatingSupply"}
"""The same mapping for a history point."""

# CoinCap v3 prints these two as JavaScript prints a double, and other numbers with at most 18
# decimal places.
DOUBLE_FIELDS = frozenset({"vwap_usd_24h", "change_pct_24h"})

SUPPLY_TOLERANCE = Decimal("1e-9")
MARKET_CAP_TOLERANCE = Decimal("1e-6")
LOWEST_CHANGE_PCT = -100

_NOT_NEGATIVE = ("market_cap_usd", "volume_usd_24h", "vwap_usd_24h", "supply", "max_supply")
_COIN_ID = r"\A[a-z0-9][a-z0-9._-]{0,199}\z"
_RANK = r"\A[1-9][0-9]{0,8}\z"
_LARGEST_RANK = 2**31

NUMBER_PROBLEMS = {
    "malformed": "is not a plain decimal number",
    "overflow": "has more than 20 digits before the point",
    "underflow": "is not zero but too small for 18 decimal places",
    "inexact": "has digits beyond the 18th decimal place",
}


def number_reasons(column: str, field: str) -> dict[str, str]:
    """Map the reason codes of a column that is parsed as an exact decimal to their meanings."""
    return {f"{column}_{problem}": f"{field} {words}" for problem, words in NUMBER_PROBLEMS.items()}


REASONS: dict[str, str] = {
    **{
        code: words
        for column in PRICE_MEASURES
        for code, words in number_reasons(column.name, SOURCE_FIELDS[column.name]).items()
    },
    **{f"{name}_negative": f"{SOURCE_FIELDS[name]} is below zero" for name in _NOT_NEGATIVE},
    "price_usd_missing": "priceUsd is null or absent",
    "price_usd_not_positive": "priceUsd is zero or below",
    "supply_above_max_supply": "supply exceeds maxSupply by more than 1e-9 of maxSupply",
    "market_cap_usd_mismatch": "marketCapUsd differs from price x supply by more than 1e-6",
    "change_pct_24h_below_minus_100": "changePercent24Hr is below -100",
    "bad_id": "id is not 1 to 200 of a-z, 0-9, '.', '_', '-', or not the document's",
    "rank_missing": "rank is null or absent",
    "rank_malformed": "rank is not a whole number above zero",
    "symbol_missing": "symbol is null, absent or empty",
    "name_missing": "name is null, absent or empty",
    "bad_text": "symbol, name or explorer contains a NUL, which PostgreSQL cannot store",
    "snapshot_incomplete": "the snapshot has under 40 % of the requested coins, or a page twice",
    "snapshot_unreliable": "over 60 % of the snapshot's rows are broken",
    **number_reasons("circulating_supply", "circulatingSupply"),
    "circulating_supply_negative": "circulatingSupply is below zero",
    "interval_unknown": "the interval is not one of CoinCap's intervals",
    "off_grid": "a point of history does not lie on the grid of its interval",
    "time_mismatch": "time and date of a point differ from each other or from the document's",
    "contradictory_answer": "one response contains this coin or point with different values",
    "foreign_document": "not written by this platform: a field is missing or of another BSON type",
}
"""Maps reason codes to their meanings; `reasons.known_reasons` adds the codes of other flows."""

Texts = Mapping[str, pa.Array]
"""Maps a payload field to its strings, one per row."""

Measures = Mapping[str, pa.Array]
"""Maps a measure to its DECIMAL(38,18) values, one per row; null if there is no value."""


def measures(
    texts: Texts, fields: Mapping[str, str], printed_as_doubles: Collection[str] = ()
) -> tuple[Measures, Breaches]:
    """Parse fields as exact decimals, and find the rows in which this is impossible.

    Args:
        texts: strings of each field.
        fields: maps measures to fields.
        printed_as_doubles: measures that the source prints as doubles, see `exact_decimals`.
    """
    values: dict[str, pa.Array] = {}
    breaches: dict[str, Rows] = {}
    for name, field in fields.items():
        values[name], problems = exact_decimals(texts[field], is_double=name in printed_as_doubles)
        breaches |= {f"{name}_{problem}": np.array(rows) for problem, rows in problems.items()}
    return values, breaches


def coin_measures(texts: Texts) -> tuple[Measures, Breaches]:
    """Parse the measures of a coin, and find the rows in which this is impossible."""
    return measures(texts, SOURCE_FIELDS, DOUBLE_FIELDS)


def is_slug(texts: pa.Array) -> pa.Array:
    """Return whether each string has the form of a coin id; null for null."""
    return pc.match_substring_regex(texts, _COIN_ID)


def ranks(texts: pa.Array) -> pa.Array:
    """Parse ranks as INT; an invalid rank becomes its INT value, or null if it has none."""
    is_rank = pc.match_substring_regex(texts, _RANK)
    values = pc.if_else(is_rank, texts, pa.scalar(None, pa.string())).cast(pa.int32())
    odd = pc.invert(pc.fill_null(is_rank, True))
    numbers = map(whole_number, texts.filter(odd).to_pylist())
    kept = [n if n is not None and -_LARGEST_RANK <= n < _LARGEST_RANK else None for n in numbers]
    return pc.replace_with_mask(values, odd, pa.array(kept, pa.int32()))


def identity_breaches(texts: Texts, coin_id: pa.Array) -> Breaches:
    """Find rows that break a rule on the id, the rank, or the symbol, name or explorer."""
    is_own_slug = pc.and_(is_slug(texts["id"]), pc.equal(texts["id"], coin_id))
    has_nul = [
        pc.fill_null(pc.match_substring(texts[field], "\x00"), False)
        for field in ("symbol", "name", "explorer")
    ]
    return {
        "bad_id": rows_where(pc.invert(pc.fill_null(is_own_slug, False))),
        "rank_missing": rows_where(pc.is_null(texts["rank"])),
        "rank_malformed": rows_where(pc.invert(pc.match_substring_regex(texts["rank"], _RANK))),
        "symbol_missing": rows_where(_is_empty(texts["symbol"])),
        "name_missing": rows_where(_is_empty(texts["name"])),
        "bad_text": rows_where(reduce(pc.or_, has_nul)),
    }


def plausibility_breaches(texts: Texts, typed: Measures) -> Breaches:
    """Find rows that break a rule on the measures.

    Args:
        texts: fields of the payload.
        typed: the coins' measures.
    """
    price, supply, cap, most, change = (
        typed[name]
        for name in ("price_usd", "supply", "market_cap_usd", "max_supply", "change_pct_24h")
    )
    return {
        **price_breaches(texts["priceUsd"], price),
        **negative_breaches({name: typed[name] for name in _NOT_NEGATIVE}),
        "supply_above_max_supply": rows_above(supply, most, SUPPLY_TOLERANCE),
        "market_cap_usd_mismatch": rows_apart(cap, price, supply, MARKET_CAP_TOLERANCE),
        "change_pct_24h_below_minus_100": rows_where(pc.less(change, _decimal(LOWEST_CHANGE_PCT))),
    }


def price_breaches(text: pa.Array, price: pa.Array) -> Breaches:
    """Find rows without a price, and rows whose price is not above zero."""
    return {
        "price_usd_missing": rows_where(pc.is_null(text)),
        "price_usd_not_positive": rows_where(pc.less_equal(price, _decimal(0))),
    }


def negative_breaches(typed: Measures) -> Breaches:
    """Find rows in which a measure is below zero."""
    zero = _decimal(0)
    return {f"{name}_negative": rows_where(pc.less(v, zero)) for name, v in typed.items()}


def _is_empty(texts: pa.Array) -> pa.Array:
    return pc.equal(pc.fill_null(texts, ""), "")


def _decimal(number: int) -> pa.Scalar:
    return pa.scalar(Decimal(number), DECIMAL)
