"""The rules a coin of a snapshot must keep, each with its reason code.

What goes here: the conditions behind the reason codes, one row at a time. What stays out: rules
over a whole snapshot (in `prices`), and how text becomes a number (`numbers`).
"""

from collections.abc import Collection, Mapping
from decimal import Context, Decimal
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.transforms.arrow_numbers import (
    DECIMAL,
    doubles,
    exact_decimals,
    rows_above_zero,
    whole_number,
)
from cryptoassets.transforms.arrow_outcomes import Breaches, Rows, rows_where
from cryptoassets.transforms.rules import DOUBLE_FIELDS, LOWEST_CHANGE_PCT, SOURCE_FIELDS

SUPPLY_TOLERANCE = Decimal("1e-9")
MARKET_CAP_TOLERANCE = Decimal("1e-6")

_NOT_NEGATIVE = ("market_cap_usd", "volume_usd_24h", "vwap_usd_24h", "supply", "max_supply")
_COIN_ID = r"\A[a-z0-9][a-z0-9._-]{0,199}\z"
_RANK = r"\A[1-9][0-9]{0,8}\z"
_LARGEST_RANK = 2**31

# A product of two amounts has 76 digits, and a tolerance adds nine.
_EXACT = Context(prec=100)

Texts = Mapping[str, pa.Array]
"""Field of the payload to its texts, a row each."""

Measures = Mapping[str, pa.Array]
"""Measure to its DECIMAL(38,18), a row each; null where there is none."""


def measures(
    texts: Texts, fields: Mapping[str, str], doubles: Collection[str] = ()
) -> tuple[Measures, Breaches]:
    """Exact decimals of the fields, and the rows in which a text is none.

    Args:
        texts: of each field.
        fields: measure to field.
        doubles: measures that the source prints as doubles, see `exact_decimals`.
    """
    values: dict[str, pa.Array] = {}
    breaches: dict[str, Rows] = {}
    for name, field in fields.items():
        values[name], problems = exact_decimals(texts[field], is_double=name in doubles)
        breaches |= {f"{name}_{problem}": np.array(rows) for problem, rows in problems.items()}
    return values, breaches


def coin_measures(texts: Texts) -> tuple[Measures, Breaches]:
    """The measures of a coin, and the rows in which a text is none."""
    return measures(texts, SOURCE_FIELDS, DOUBLE_FIELDS)


def is_slug(texts: pa.Array) -> pa.Array:
    """Whether each text is the id of a coin; null for null."""
    return pc.match_substring_regex(texts, _COIN_ID)


def ranks(texts: pa.Array) -> pa.Array:
    """Each rank as INT; one that is no rank is the whole number it says, or null."""
    is_rank = pc.match_substring_regex(texts, _RANK)
    values = pc.if_else(is_rank, texts, pa.scalar(None, pa.string())).cast(pa.int32())
    odd = pc.invert(pc.fill_null(is_rank, True))
    numbers = map(whole_number, texts.filter(odd).to_pylist())
    kept = [n if n is not None and -_LARGEST_RANK <= n < _LARGEST_RANK else None for n in numbers]
    return pc.replace_with_mask(values, odd, pa.array(kept, pa.int32()))


def identity_breaches(texts: Texts, coin_id: pa.Array) -> Breaches:
    """The rows that break a rule on id, rank and texts."""
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
    """The rows that break a rule on the measures.

    Args:
        texts: of the payload.
        typed: the measures of a coin.
    """
    change = typed["change_pct_24h"]
    return {
        **price_breaches(texts["priceUsd"], typed["price_usd"]),
        **negative_breaches({name: typed[name] for name in _NOT_NEGATIVE}),
        "supply_above_max_supply": _rows_above_max_supply(typed),
        "market_cap_usd_mismatch": _rows_of_another_market_cap(typed),
        "change_pct_24h_below_minus_100": rows_where(pc.less(change, _decimal(LOWEST_CHANGE_PCT))),
    }


def price_breaches(text: pa.Array, price: pa.Array) -> Breaches:
    """The rows without a price, or with one that is not above zero."""
    return {
        "price_usd_missing": rows_where(pc.is_null(text)),
        "price_usd_not_positive": rows_where(pc.less_equal(price, _decimal(0))),
    }


def negative_breaches(typed: Measures) -> Breaches:
    """The rows in which a measure is below zero."""
    zero = _decimal(0)
    return {f"{name}_negative": rows_where(pc.less(v, zero)) for name, v in typed.items()}


def _is_empty(texts: pa.Array) -> pa.Array:
    return pc.equal(pc.fill_null(texts, ""), "")


def _decimal(number: int) -> pa.Scalar:
    return pa.scalar(Decimal(number), DECIMAL)


def _rows_above_max_supply(typed: Measures) -> Rows:
    supply, most = typed["supply"], typed["max_supply"]
    tolerance = float(SUPPLY_TOLERANCE)

    def exact(rows: pa.Array) -> list[Decimal]:
        pairs = zip(supply.take(rows).to_pylist(), most.take(rows).to_pylist(), strict=True)
        return [
            _EXACT.subtract(_EXACT.subtract(there, limit), _EXACT.multiply(limit, SUPPLY_TOLERANCE))
            for there, limit in pairs
        ]

    there, limit = doubles(supply), doubles(most)
    excess = there - limit - limit * tolerance
    return rows_above_zero(excess, np.abs(there) + np.abs(limit), exact)


def _rows_of_another_market_cap(typed: Measures) -> Rows:
    price, supply, cap = (typed[name] for name in ("price_usd", "supply", "market_cap_usd"))

    def exact(rows: pa.Array) -> list[Decimal]:
        return [
            _cap_excess(*amounts)
            for amounts in zip(
                *(column.take(rows).to_pylist() for column in (price, supply, cap)), strict=True
            )
        ]

    expected, actual = doubles(price) * doubles(supply), doubles(cap)
    excess = np.abs(actual - expected) - np.abs(expected) * float(MARKET_CAP_TOLERANCE)
    return rows_above_zero(excess, np.abs(actual) + np.abs(expected), exact)


def _cap_excess(price: Decimal, supply: Decimal, cap: Decimal) -> Decimal:
    """By how much a market cap differs from price x supply beyond the tolerance."""
    expected = _EXACT.multiply(price, supply)
    difference = _EXACT.abs(_EXACT.subtract(cap, expected))
    allowed = _EXACT.multiply(_EXACT.abs(expected), MARKET_CAP_TOLERANCE)
    return _EXACT.subtract(difference, allowed)
