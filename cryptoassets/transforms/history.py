"""Turns raw history points into typed, judged rows: exactly one row per raw document.

What goes here: the function that computes `clean/coin_price_history`, and its rules. What stays
out: the meaning of reason codes (in `rules`), outcomes (in `outcomes`), parsing dates (in `times`).
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cryptoassets.schemas import (
    CLEAN_COIN_PRICE_HISTORY,
    COIN_PRICE_HISTORY,
    INTERVAL_MS,
    RAW_COIN_HISTORY,
)
from cryptoassets.transforms.numbers import whole_number
from cryptoassets.transforms.outcomes import (
    Breaches,
    Rows,
    groups,
    judged_rows,
    rows_where,
)
from cryptoassets.transforms.payloads import payload_texts
from cryptoassets.transforms.rules import (
    HISTORY_FIELDS,
    Texts,
    is_slug,
    measures,
    negative_breaches,
    price_breaches,
)
from cryptoassets.transforms.times import milliseconds_of

_ISO_MILLISECONDS = "%Y-%m-%dT%H:%M:%SZ"


def judge_history(raw: pa.Table) -> pa.Table:
    """Parse every raw document, list the rules it breaks and set its outcome.

    Args:
        raw: columns of `payloads.kernel_schema(RAW_COIN_HISTORY)`.

    Returns:
        Columns of `schemas.CLEAN_COIN_PRICE_HISTORY`, one row per input row, in the same order.
        Rows with reasons are quarantined. If several other rows have the same (coin_id, interval,
        observed_at), the one with the latest `fetched_at` is valid; the earlier ones are
        superseded.
    """
    key = {name: raw[name].combine_chunks() for name in COIN_PRICE_HISTORY.key}
    texts = payload_texts(raw, RAW_COIN_HISTORY)
    typed, unreadable = measures(texts, HISTORY_FIELDS)
    of_row = {
        **unreadable,
        **price_breaches(texts["priceUsd"], typed["price_usd"]),
        **negative_breaches({"circulating_supply": typed["circulating_supply"]}),
        "bad_id": rows_where(pc.invert(pc.fill_null(is_slug(key["coin_id"]), False))),
        **_time_breaches(texts, key["interval"], key["observed_at"]),
    }
    return judged_rows(raw, CLEAN_COIN_PRICE_HISTORY, groups(*key.values()), typed, of_row)


def _time_breaches(texts: Texts, interval: pa.Array, observed_at: pa.Array) -> Breaches:
    """Find rows that break a rule on times.

    These are rows with an unknown interval, rows whose time is not a multiple of the interval, and
    rows with contradictory times.
    """
    observed = observed_at.cast(pa.int64()).to_numpy() // 1000
    names = pa.array(INTERVAL_MS)
    number = pc.index_in(interval, names)
    steps = pa.array(INTERVAL_MS.values(), pa.int64()).take(pc.fill_null(number, 0)).to_numpy()
    is_known = number.is_valid().to_numpy(zero_copy_only=False)
    return {
        "interval_unknown": np.flatnonzero(~is_known),
        "off_grid": np.flatnonzero(is_known & (observed % steps != 0)),
        "time_mismatch": _rows_of_two_times(texts, observed),
    }


def _rows_of_two_times(texts: Texts, observed: NDArray[np.int64]) -> Rows:
    """Find rows without a `time`, and rows whose `time` or `date` differs from the document's time.

    Args:
        texts: fields of the payload.
        observed: time of each document, in milliseconds since 1970.
    """
    usual_time = pa.array(observed).cast(pa.string())
    usual_date = pc.strftime(
        pa.array(observed).cast(pa.timestamp("ms", "UTC")), format=_ISO_MILLISECONDS
    )
    of_date = _rows_that_differ(texts["date"], usual_date, observed, milliseconds_of)
    of_time = _rows_that_differ(texts["time"], usual_time, observed, whole_number)
    without_time = rows_where(pc.is_null(texts["time"]))
    return np.unique(np.concatenate([of_date, of_time, without_time]))


def _rows_that_differ(
    texts: pa.Array, usual: pa.Array, expected: NDArray[np.int64], read: Callable[[str], int | None]
) -> Rows:
    """Find rows whose string is not `usual` and does not parse to the expected value."""
    odd = rows_where(pc.not_equal(texts, usual))
    pairs = zip(texts.take(pa.array(odd)).to_pylist(), expected[odd], strict=True)
    differing: Rows = odd[np.array([read(text) != number for text, number in pairs], bool)]
    return differing
