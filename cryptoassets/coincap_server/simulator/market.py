"""Prices, supplies and volumes of all coins at any instant since 2018.

What goes here: how paths become dollars, and numbers as CoinCap v3 writes them. What stays out:
answers (in `routes`).
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
"""Correlation of an ordinary coin with the market as a whole."""
_CALM = 0.01
"""Coins with a daily volatility below this are pegged: no part of the market's path is theirs."""
_BASIS = 0.0004
_VOLUME_SWING = 0.35
_REFERENCE_MS = 1_767_225_600_000
"""2026-01-01: the supplies of `coins.csv` are of then."""
_YEAR_MS = 31_556_952_000
_HALF_HOUR_MS = 1_800_000
_NULLS = 40_000
_SMALLEST_PLAIN = 1e-6


class Market:
    """All coins under one seed; every method is a pure function of its arguments.

    Args:
        seed: of all paths.
        coins: those of `coins.csv` unless others are given; an `id` once.
    """

    def __init__(self, seed: int = 0, coins: tuple[Coin, ...] | None = None) -> None:
        self._seed = seed
        self.coins = simulated_coins() if coins is None else coins
        self.place_by_id = {coin.id: place for place, coin in enumerate(self.coins)}
        self._volatility = np.array([coin.daily_volatility for coin in self.coins])
        self._level = np.array([coin.price_usd for coin in self.coins])
        # A wrapped or staked coin takes the path of what is inside.
        self._series = np.array([self._path_owner(coin) + 1 for coin in self.coins], dtype=np.int64)
        self._is_follower = np.array([coin.follows is not None for coin in self.coins])

    def _path_owner(self, coin: Coin) -> int:
        return self.place_by_id[coin.follows or coin.id]

    def prices_usd(self, places: NDArray[np.int64], times_ms: NDArray[np.int64]) -> Floats:
        """Return prices, coins x instants; each is a double that its text at 18 places names."""
        market = unit_paths(self._seed, np.array([_MARKET_SERIES]), times_ms)
        owned, owners = np.unique(self._series[places], return_inverse=True)
        own = unit_paths(self._seed, owned, times_ms)[owners]
        volatility = self._volatility[places][:, None]
        share = np.where(volatility < _CALM, 0.0, _MARKET_SHARE)
        moves = volatility * (share * market + np.sqrt(1 - share**2) * own)
        followers = np.flatnonzero(self._is_follower[places])
        if followers.size:
            basis = unit_paths(self._seed, places[followers] + _BASIS_SERIES, times_ms)
            moves[followers] += _BASIS * np.tanh(basis)
        prices = self._level[places][:, None] * np.exp(moves)
        return np.asarray(np.vectorize(at_18_places, otypes=[np.float64])(prices))

    def supplies(self, place: int, times_ms: NDArray[np.int64]) -> Floats:
        """Return the coins in circulation; they grow by the half-hour, never beyond the maximum."""
        coin = self.coins[place]
        steps_ms = times_ms // _HALF_HOUR_MS * _HALF_HOUR_MS
        years = (steps_ms - _REFERENCE_MS) / _YEAR_MS
        grown = coin.supply * (1 + coin.yearly_growth) ** years
        most = np.inf if coin.max_supply is None else coin.max_supply
        return np.minimum(np.round(grown, 8), most)

    def volumes_usd(self, places: NDArray[np.int64], caps_usd: Floats, time_ms: int) -> Floats:
        """Return what was traded in 24 hours, given the market caps of the same coins."""
        turnover = np.array([self.coins[place].daily_turnover for place in places])
        moods = unit_paths(self._seed, places + _VOLUME_SERIES, np.array([time_ms]))[:, 0]
        return np.asarray(caps_usd * turnover * np.exp(_VOLUME_SWING * np.tanh(moods)))

    def is_null(self, field: int, places: NDArray[np.int64], time_ms: int) -> NDArray[np.bool_]:
        """Say where CoinCap sends null: about 1 of 100 coins, for hours on end."""
        hours = time_ms // (6 * 3_600_000)
        return np.asarray(uniform(self._seed, _NULLS + field, places, hours) < 0.01)  # noqa: PLR2004


def fixed_text(number: float) -> str:
    """Return a double at 18 places with its binary tail: 87711.2 -> 87711.199999999997089617."""
    return f"{number:.18f}"


def at_18_places(number: float) -> float:
    """Return the double nearest to the text at 18 places, so that text and double agree."""
    return float(fixed_text(number))


def shortest_text(number: float) -> str:
    """Return a double as JavaScript prints it: shortest digits, an exponent below 1e-6."""
    if number == 0:
        return "0"
    if abs(number) < _SMALLEST_PLAIN:
        mantissa, exponent = repr(number).split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")
