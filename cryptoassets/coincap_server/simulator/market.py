"""Prices, supplies and volumes of all coins at any instant since 2018.

What goes here: prices computed from random paths, and the formatting of numbers as in CoinCap v3.
What stays out: responses (in `routes`).
"""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cryptoassets.coincap_server.simulator.coins import Coin, simulated_coins
from cryptoassets.coincap_server.simulator.paths import Floats, uniform, unit_paths

_MARKET_SERIES = 0
_VOLUME_SERIES = 10_000
_BASIS_SERIES = 20_000
_MARKET_SHARE = 0.65
"""Correlation of an ordinary coin with the whole market."""
_PEGGED_VOLATILITY = 0.01
"""Coins with a daily volatility below this are pegged and do not follow the market's path."""
_BASIS = 0.0004
_VOLUME_SWING = 0.35
_REFERENCE_MS = 1_767_225_600_000
"""2026-01-01, the date of the supplies in `coins.csv`."""
_YEAR_MS = 31_556_952_000
_HALF_HOUR_MS = 1_800_000
_NULLS = 40_000
_SMALLEST_PLAIN = 1e-6


class Market:
    """All coins for one seed; every method is a pure function of its arguments.

    Args:
        seed: seed of all paths.
        coins: coins with unique ids; None: those of `coins.csv`.
    """

    def __init__(self, seed: int = 0, coins: tuple[Coin, ...] | None = None) -> None:
        self._seed = seed
        self.coins = simulated_coins() if coins is None else coins
        self.index_by_id = {coin.id: index for index, coin in enumerate(self.coins)}
        self._volatility = np.array([coin.daily_volatility for coin in self.coins])
        self._level = np.array([coin.price_usd for coin in self.coins])
        # A wrapped or staked coin follows the path of the underlying coin.
        self._series = np.array([self._path_owner(coin) + 1 for coin in self.coins], dtype=np.int64)
        self._is_follower = np.array([coin.follows is not None for coin in self.coins])

    def _path_owner(self, coin: Coin) -> int:
        return self.index_by_id[coin.follows or coin.id]

    def prices_usd(self, indices: NDArray[np.int64], times_ms: NDArray[np.int64]) -> Floats:
        """Return prices, coins x instants; each equals its text with 18 decimal places."""
        market = unit_paths(self._seed, np.array([_MARKET_SERIES]), times_ms)
        owned, owners = np.unique(self._series[indices], return_inverse=True)
        own = unit_paths(self._seed, owned, times_ms)[owners]
        volatility = self._volatility[indices][:, None]
        share = np.where(volatility < _PEGGED_VOLATILITY, 0.0, _MARKET_SHARE)
        moves = volatility * (share * market + np.sqrt(1 - share**2) * own)
        followers = np.flatnonzero(self._is_follower[indices])
        if followers.size:
            basis = unit_paths(self._seed, indices[followers] + _BASIS_SERIES, times_ms)
            moves[followers] += _BASIS * np.tanh(basis)
        prices = self._level[indices][:, None] * np.exp(moves)
        return np.asarray(np.vectorize(at_18_places, otypes=[np.float64])(prices))

    def supplies(self, index: int, times_ms: NDArray[np.int64]) -> Floats:
        """Return a coin's circulating supply; it grows every half-hour, up to the maximum."""
        coin = self.coins[index]
        steps_ms = times_ms // _HALF_HOUR_MS * _HALF_HOUR_MS
        years = (steps_ms - _REFERENCE_MS) / _YEAR_MS
        grown = coin.supply * (1 + coin.yearly_growth) ** years
        maximum = np.inf if coin.max_supply is None else coin.max_supply
        return np.minimum(np.round(grown, 8), maximum)

    def volumes_usd(self, indices: NDArray[np.int64], caps_usd: Floats, time_ms: int) -> Floats:
        """Return the volume traded in 24 hours, given the market caps of the same coins."""
        turnover = np.array([self.coins[index].daily_turnover for index in indices])
        levels = unit_paths(self._seed, indices + _VOLUME_SERIES, np.array([time_ms]))[:, 0]
        return np.asarray(caps_usd * turnover * np.exp(_VOLUME_SWING * np.tanh(levels)))

    def is_null(self, field: int, indices: NDArray[np.int64], time_ms: int) -> NDArray[np.bool_]:
        """Return which values are null: 1 % of them in each period of 6 hours, as in CoinCap."""
        hours = time_ms // (6 * 3_600_000)
        return np.asarray(uniform(self._seed, _NULLS + field, indices, hours) < 0.01)  # noqa: PLR2004


def fixed_text(number: float) -> str:
    """Return a double with 18 decimal places: 87711.2 -> 87711.199999999997089617."""
    return f"{number:.18f}"


def at_18_places(number: float) -> float:
    """Round a double to 18 decimal places, so that the double equals its text."""
    return float(fixed_text(number))


def shortest_text(number: float) -> str:
    """Return a double as JavaScript prints it: shortest digits, with an exponent below 1e-6."""
    if number == 0:
        return "0"
    if abs(number) < _SMALLEST_PLAIN:
        mantissa, exponent = repr(number).split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")
