"""Coins as their newest valid observation describes them.

What goes here: reading that off judged rows, part by part. What stays out: who is valid (in
`prices`) and writing (in `io_managers`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.schemas import COINS
from cryptoassets.schemas.arrow import arrow_schema

_SEEN = ("first_seen_at", "last_seen_at")
_SOURCES = {name: "observed_at" if name in _SEEN else name for name in COINS.column_names}
"""Column of `schemas.COINS` to the one that it is taken from."""
COLUMNS_READ = (*dict.fromkeys(_SOURCES.values()), "outcome")
"""What `newest_of_coins` reads."""


def newest_of_coins(judged: pa.Table) -> pa.Table:
    """Describe each coin by its newest valid observation.

    Args:
        judged: columns of `schemas.CLEAN_COIN_PRICES`, `COLUMNS_READ` at least.

    Returns:
        Columns of `schemas.COINS`, one row per coin, unordered.
    """
    described = pa.table({name: judged[column] for name, column in _SOURCES.items()})
    return merged(described.filter(pc.equal(judged["outcome"], "valid")))


def merged(parts: pa.Table) -> pa.Table:
    """Join descriptions of coins from several parts of the data.

    Args:
        parts: columns of `schemas.COINS`; a coin may stand in several rows.

    Returns:
        The same columns, one row per coin, unordered: the description seen last, the
        oldest `first_seen_at` and the newest `last_seen_at`.
    """
    parts = parts.combine_chunks()
    coins = parts["coin_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    first, last = (parts[name].cast(pa.int64()).to_numpy() for name in _SEEN)
    by_coin = np.lexsort((last, coins))
    is_newest = np.append(np.diff(coins[by_coin]) != 0, [True] * bool(len(coins))).astype(bool)
    newest = by_coin[is_newest]
    starts = np.flatnonzero(np.roll(is_newest, 1))
    oldest = np.minimum.reduceat(first[by_coin], starts) if len(starts) else first
    place = COINS.column_names.index("first_seen_at")
    seen = pa.array(oldest).cast(parts["first_seen_at"].type)
    described = parts.take(pa.array(newest)).set_column(place, "first_seen_at", seen)
    return described.cast(arrow_schema(COINS))
