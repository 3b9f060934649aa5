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
    ordered = prices.sort_by([("coin_id", "ascending"), ("observed_at", "ascending")])
    coins = np.array(ordered["coin_id"].to_pylist())
    seconds = ordered["observed_at"].cast(pa.int64()).to_numpy() / 1e6
    logs = np.log(ordered["price_usd"].cast(pa.float64()).to_numpy())
    newest = seconds.max()
    judged, wild = 0, []
    for coin in np.split(np.arange(len(coins)), np.flatnonzero(coins[1:] != coins[:-1]) + 1):
        if len(coin) < MIN_RETURNS + 2 or seconds[coin[-1]] != newest:
            continue
        judged += 1
        move = _newest_move(str(coins[coin[0]]), logs[coin], seconds[coin])
        if abs(move.z) >= Z_LIMIT and abs(move.return_pct) >= RETURN_FLOOR * 100:
            wild.append(move)
    observed_at = max(ordered["observed_at"].to_pylist())
    return Moves(observed_at, judged, sorted(wild, key=lambda move: -abs(move.z)))


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


def _newest_move(coin_id: str, logs: Floats, seconds: Floats) -> Move:
    returns = np.diff(logs)
    scaled = returns / np.sqrt(np.diff(seconds) / np.median(np.diff(seconds)))
    past = scaled[:-1]
    centre = np.median(past)
    deviation = np.median(np.abs(past - centre))
    z = (scaled[-1] - centre) / (_MAD_TO_SIGMA * max(deviation, MAD_FLOOR))
    return Move(coin_id, float(np.expm1(returns[-1]) * 100), float(z))
