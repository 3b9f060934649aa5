"""Prices that move wildly, judged against each coin's own past, or not at all.

What goes here: the statistics. What stays out: which prices are compared (in `checks`).
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
# Below these a z-score says nothing: a stable coin that moves by 0.1 % after a flat day, say.
MAD_FLOOR = 0.0005
RETURN_FLOOR = 0.02
MIN_RETURNS = 12
"""Earlier returns that a coin must have to be judged."""
MIN_COINS_COMPARED = 5
"""Fewer coins may well stand still: stable ones do."""
MARKET_SHARE = 0.3
"""Share of judged coins from which it is the market that moves, not the coins."""

# Makes the median absolute deviation an estimate of the standard deviation of a normal sample.
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Move:
    """One coin's newest return, percent, and how far out of its own line it is."""

    coin_id: str
    return_pct: float
    z: float


@dataclass(frozen=True)
class Moves:
    """What is out of line at the newest observation; `judged` coins had enough past."""

    observed_at: datetime | None
    judged: int
    wild: list[Move]

    @property
    def is_market_wide(self) -> bool:
        """Whether so many coins moved that it is one event."""
        return len(self.wild) >= max(2, self.judged * MARKET_SHARE)


def wild_moves(prices: pa.Table) -> Moves:
    """Find coins whose newest return is far out of line with their returns before.

    Args:
        prices: columns coin_id, observed_at, price_usd; the newest observation and those of some
            time before it, unordered. Returns are scaled by the root of the time they span, so
            that a laptop's night does not count as one wild move.
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
    """Share of coins whose newest price is exactly the one before; 0 for a handful of coins.

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
    """Newest return of each coin, percent, and how far it is out of line.

    All coins at once, or 2,000 of them take a second.

    Args:
        logs: of the prices, coin by coin, oldest first.
        seconds: of the same.
        counts: prices of each coin.
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
    """The median of each group; groups are numbered from 0, none is empty."""
    ordered = values[np.lexsort((values, groups))]
    counts = np.bincount(groups)
    starts = np.cumsum(counts) - counts
    lower, upper = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
    return np.asarray((lower + upper) / 2)
