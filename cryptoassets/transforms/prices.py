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
        reasons are quarantined. If several other rows have the same (coin_id, observed_at), the one
        with the latest `fetched_at` is valid; the earlier ones are superseded.
    """
    coin_id, observed_at = (raw[name].combine_chunks() for name in ("coin_id", "observed_at"))
    texts = payload_texts(raw, RAW_COIN_SNAPSHOTS)
    typed, unreadable = coin_measures(texts)
    of_row = {
        **unreadable,
        **identity_breaches(texts, coin_id),
        **plausibility_breaches(texts, typed),
    }
    of_key = groups(coin_id, observed_at)
    of_snapshot = _snapshot_breaches(raw, of_key, is_broken(of_row, raw.num_rows))
    values = {
        **{name: texts[name] for name in ("symbol", "name", "explorer")},
        "rank": ranks(texts["rank"]),
        **typed,
    }
    return judged_rows(raw, CLEAN_COIN_PRICES, of_key, values, {**of_row, **of_snapshot})


def _snapshot_breaches(
    raw: pa.Table, of_key: NDArray[np.int64], broken: NDArray[np.bool_]
) -> Breaches:
    """Find rows of snapshots that are incomplete or mostly broken.

    Args:
        raw: see `judge_prices`.
        of_key: the number of each row's coin and snapshot.
        broken: whether each row breaks a rule for single rows.
    """
    of_snapshot = groups(raw["observed_at"].combine_chunks())
    first_of_key = np.unique(of_key, return_index=True)[1]
    has_coin = raw["coin_id"].is_valid().to_numpy()
    coins_seen = np.bincount(
        of_snapshot[first_of_key[has_coin[first_of_key]]], minlength=raw.num_rows
    )
    # Foreign documents were not part of the source's response, so they are not counted.
    ours = ~raw["is_foreign"].to_numpy()
    documents = np.bincount(of_snapshot[ours], minlength=raw.num_rows)
    of_broken = np.bincount(of_snapshot[ours & broken], minlength=raw.num_rows)
    is_unreliable = of_broken / np.maximum(documents, 1) > MAX_BROKEN_SHARE
    is_short = coins_seen[of_snapshot] < raw["coins_asked"].to_numpy() * MIN_SNAPSHOT_SHARE
    is_repeated = pc.fill_null(raw["is_repeated"], False).to_numpy()
    return {
        "snapshot_incomplete": np.flatnonzero(is_repeated | is_short),
        "snapshot_unreliable": np.flatnonzero(is_unreliable[of_snapshot]),
    }
