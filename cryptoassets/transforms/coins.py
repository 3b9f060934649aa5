"""Computes one row per coin, from the coin's newest valid observation.

What goes here: computing the rows of one part of the data, and merging the rows of several parts.
What stays out: which rows are valid (in `prices`) and writing (in `io_managers`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.schemas import COINS
from cryptoassets.schemas.arrow import arrow_schema

_SEEN = ("first_seen_at", "last_seen_at")
_SOURCES = {name: "observed_at" if name in _SEEN else name for name in COINS.column_names}
"""Maps each column of `schemas.COINS` to the column from which it is copied."""
COLUMNS_READ = (*dict.fromkeys(_SOURCES.values()), "outcome")
"""Columns that `newest_row_per_coin` reads."""


def newest_row_per_coin(judged: pa.Table) -> pa.Table:
    """Describe each coin by its newest valid observation.

    Args:
        judged: columns of `schemas.CLEAN_COIN_PRICES`, at least `COLUMNS_READ`.

    Returns:
        Columns of `schemas.COINS`, one row per coin, unordered.
    """
    described = pa.table({name: judged[column] for name, column in _SOURCES.items()})
    return merge_coin_rows(described.filter(pc.equal(judged["outcome"], "valid")))


def merge_coin_rows(parts: pa.Table) -> pa.Table:
    """Merge coin rows that were computed from separate parts of the data.

    Args:
        parts: columns of `schemas.COINS`; a coin may have several rows.

    Returns:
        The same columns, one row per coin, unordered. Each row has the newest description, the
        earliest `first_seen_at` and the latest `last_seen_at`.
    """
    parts = parts.combine_chunks()
    coins = parts["coin_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    first, last = (parts[name].cast(pa.int64()).to_numpy() for name in _SEEN)
    by_coin = np.lexsort((last, coins))
    is_newest = np.append(np.diff(coins[by_coin]) != 0, [True] * bool(len(coins))).astype(bool)
    newest = by_coin[is_newest]
    starts = np.flatnonzero(np.roll(is_newest, 1))
    oldest = np.minimum.reduceat(first[by_coin], starts) if len(starts) else first
    column_index = COINS.column_names.index("first_seen_at")
    first_seen = pa.array(oldest).cast(parts["first_seen_at"].type)
    described = parts.take(pa.array(newest)).set_column(column_index, "first_seen_at", first_seen)
    return described.cast(arrow_schema(COINS))
