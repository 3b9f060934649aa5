"""Turns raw coin snapshots into typed, judged rows: exactly one row per raw document.

What goes here: the function that computes `clean/coin_prices`, and the rules that concern a whole
snapshot. What stays out: rules for single rows (in `rules`), outcomes (in `outcomes`) and daily
figures (in `marts`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cryptoassets.schemas import CLEAN_COIN_PRICES, RAW_COIN_SNAPSHOTS
from cryptoassets.transforms.outcomes import (
    Breaches,
    groups,
    is_broken,
    judged_rows,
)
from cryptoassets.transforms.payloads import payload_texts
from cryptoassets.transforms.rules import (
    coin_measures,
    identity_breaches,
    plausibility_breaches,
    ranks,
)

MIN_SNAPSHOT_SHARE = 0.4
MAX_BROKEN_SHARE = 0.6


def judge_prices(raw: pa.Table) -> pa.Table:
    """Parse every raw document, list the rules it breaks and set its outcome.

    Args:
        raw: columns of `payloads.kernel_schema(RAW_COIN_SNAPSHOTS)`; all rows of each snapshot.

    Returns:
        Columns of `schemas.CLEAN_COIN_PRICES`, one row per input row, in the same order. Rows with
        reasons are quarantined. Of several rows without reasons for the same (coin_id,
        observed_at), the one with the latest `fetched_at` is valid; the earlier ones are
        superseded.
    """
    coin_id, observed_at = (raw[name].combine_chunks() for name in ("coin_id", "observed_at"))
    texts = payload_texts(raw, RAW_COIN_SNAPSHOTS)
    typed, unreadable = coin_measures(texts)
    row_breaches = {
        **unreadable,
        **identity_breaches(texts, coin_id),
        **plausibility_breaches(texts, typed),
    }
    key_numbers = groups(coin_id, observed_at)
    snapshot_breaches = _snapshot_breaches(raw, key_numbers, is_broken(row_breaches, raw.num_rows))
    values = {
        **{name: texts[name] for name in ("symbol", "name", "explorer")},
        "rank": ranks(texts["rank"]),
        **typed,
    }
    return judged_rows(
        raw, CLEAN_COIN_PRICES, key_numbers, values, {**row_breaches, **snapshot_breaches}
    )


def _snapshot_breaches(
    raw: pa.Table, key_numbers: NDArray[np.int64], broken: NDArray[np.bool_]
) -> Breaches:
    """Find rows of snapshots that are incomplete or mostly broken.

    Args:
        raw: see `judge_prices`.
        key_numbers: for each row, the number of its coin and snapshot, see `groups`.
        broken: whether each row breaks a rule for single rows.
    """
    snapshot_numbers = groups(raw["observed_at"].combine_chunks())
    first_of_key = np.unique(key_numbers, return_index=True)[1]
    has_coin = raw["coin_id"].is_valid().to_numpy()
    coins_seen = np.bincount(
        snapshot_numbers[first_of_key[has_coin[first_of_key]]], minlength=raw.num_rows
    )
    # Foreign documents were not part of the source's response, so they are not counted.
    own = ~raw["is_foreign"].to_numpy()
    documents = np.bincount(snapshot_numbers[own], minlength=raw.num_rows)
    broken_documents = np.bincount(snapshot_numbers[own & broken], minlength=raw.num_rows)
    is_unreliable = broken_documents / np.maximum(documents, 1) > MAX_BROKEN_SHARE
    is_short = coins_seen[snapshot_numbers] < raw["coins_asked"].to_numpy() * MIN_SNAPSHOT_SHARE
    # A page that arrived twice means that the coins of another page are missing.
    has_repeated_page = pc.fill_null(raw["is_repeated"], False).to_numpy()
    return {
        "snapshot_incomplete": np.flatnonzero(has_repeated_page | is_short),
        "snapshot_unreliable": np.flatnonzero(is_unreliable[snapshot_numbers]),
    }
