"""Detects price moves that are unusual for their coin, and prices that do not change.

What goes here: the statistics. What stays out: choosing the prices (in `checks`).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Floats = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.int64]]

Z_LIMIT = 8.0
# Without these floors, tiny moves would have huge z-scores, e.g. if a stablecoin moves by 0.1 %
# after a day without changes.
MAD_FLOOR = 0.0005
RETURN_FLOOR = 0.02
MIN_RETURNS = 12
"""A coin is judged only if it has at least this many earlier returns."""
MIN_COINS_COMPARED = 5
"""With fewer coins, unchanged prices prove nothing: all of the coins may be stablecoins."""
MARKET_SHARE = 0.3
"""If at least this share of the judged coins moves unusually, the whole market has moved."""

# Scales the median absolute deviation to the standard deviation of a normal distribution.
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Move:
    """One coin's newest return in percent, and its z-score against the coin's own past."""

    coin_id: str
    return_pct: float
    z: float


@dataclass(frozen=True)
class Moves:
    """Unusual moves at the newest observation; `judged` counts the coins with enough history."""

    observed_at: datetime | None
    judged: int
    wild: list[Move]

    @property
    def is_market_wide(self) -> bool:
        """Whether so many coins moved unusually that this counts as one market event."""
        return len(self.wild) >= max(2, self.judged * MARKET_SHARE)


def wild_moves(prices: pa.Table) -> Moves:
    """Find coins whose newest return is unusual compared with their earlier returns.

    Returns are divided by the square root of their time span. Otherwise the return over a long
    pause, e.g. while a laptop sleeps, would count as unusual only because the pause was long.

    Args:
        prices: columns coin_id, observed_at, price_usd; the newest and earlier observations,
            unordered.
    """
    if prices.num_rows == 0:
        return Moves(None, 0, [])
    coins = prices["coin_id"].combine_chunks().dictionary_encode()
    codes = coins.indices.to_numpy()
    seconds = prices["observed_at"].cast(pa.int64()).to_numpy() / 1e6
    logs = np.log(prices["price_usd"].cast(pa.float64()).to_numpy())
    ordered = np.lexsort((seconds, codes))
    codes, seconds, logs = codes[ordered], seconds[ordered], logs[ordered]
    last = np.flatnonzero(np.append(codes[1:] != codes[:-1], [True]))
    counts = np.diff(last, prepend=-1)
    is_judged = (counts >= MIN_RETURNS + 2) & (seconds[last] == seconds.max())
    of_judged = np.repeat(is_judged, counts)
    percents, zs = _newest_moves(logs[of_judged], seconds[of_judged], counts[is_judged])
    is_wild = (np.abs(zs) >= Z_LIMIT) & (np.abs(percents) >= RETURN_FLOOR * 100)
    names = coins.dictionary.take(pa.array(codes[last[is_judged][is_wild]])).to_pylist()
    wild = map(Move, names, percents[is_wild].tolist(), zs[is_wild].tolist())
    return Moves(
        pc.max(prices["observed_at"]).as_py(),
        int(is_judged.sum()),
        sorted(wild, key=lambda move: (-abs(move.z), move.coin_id)),
    )


def repeated_share(prices: pa.Table) -> float:
    """Return the share of coins whose newest price equals their previous price.

    The share is 0 if there are too few coins, or fewer than two snapshots, to compare.

    Args:
        prices: columns coin_id, observed_at, price_usd, unordered.
    """
    moments = pc.unique(prices["observed_at"]).sort()
    if len(moments) < 2:  # noqa: PLR2004 - two snapshots are compared
        return 0.0
    before, newest = (_prices_at(prices, moment) for moment in moments[-2:])
    common = before.keys() & newest.keys()
    if len(common) < MIN_COINS_COMPARED:
        return 0.0
    return sum(before[coin] == newest[coin] for coin in common) / len(common)


def _prices_at(prices: pa.Table, moment: pa.Scalar) -> dict[str, Decimal]:
    rows = prices.filter(pc.equal(prices["observed_at"], moment))
    return dict(zip(rows["coin_id"].to_pylist(), rows["price_usd"].to_pylist(), strict=True))


def _newest_moves(logs: Floats, seconds: Floats, counts: Places) -> tuple[Floats, Floats]:
    """Compute the newest return of each coin in percent, and its z-score.

    The computation is vectorized, because a loop over 2,000 coins would take a second.

    Args:
        logs: logarithms of the prices, coin by coin, oldest first.
        seconds: times of the same prices.
        counts: number of prices per coin.
    """
    coins = np.repeat(np.arange(len(counts)), counts)
    is_return = coins[1:] == coins[:-1]
    returns, spans = np.diff(logs)[is_return], np.diff(seconds)[is_return]
    coins = coins[1:][is_return]
    scaled = returns / np.sqrt(spans / _medians(spans, coins)[coins])
    newest = np.cumsum(counts - 1) - 1
    past, coins = np.delete(scaled, newest), np.delete(coins, newest)
    centres = _medians(past, coins)
    deviations = _medians(np.abs(past - centres[coins]), coins)
    zs = (scaled[newest] - centres) / (_MAD_TO_SIGMA * np.maximum(deviations, MAD_FLOOR))
    return np.expm1(returns[newest]) * 100, zs


def _medians(values: Floats, groups: Places) -> Floats:
    """Return the median of each group; groups are numbered from 0 and not empty."""
    ordered = values[np.lexsort((values, groups))]
    counts = np.bincount(groups)
    starts = np.cumsum(counts) - counts
    lower, upper = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
    return np.asarray((lower + upper) / 2)
