"""Simulated prices move like prices, and every instant can be asked alone."""

import numpy as np
import pytest

from cryptoassets.coincap_server.simulator.coins import simulated_coins
from cryptoassets.coincap_server.simulator.market import Market
from cryptoassets.coincap_server.simulator.paths import Floats

T0 = 1_767_225_600_000
HOUR, DAY = 3_600_000, 86_400_000
BITCOIN, ETHEREUM, TETHER = 0, 1, 2


@pytest.fixture(scope="module")
def market() -> Market:
    """The market of seed 0."""
    return Market()


def returns(market: Market, *places: int, step: int = HOUR, count: int = 4000) -> Floats:
    """Return log returns, coins x instants."""
    times = T0 - step * np.arange(count)[::-1]
    return np.diff(np.log(market.prices_usd(np.array(places), times)))


def excess_kurtosis(values: Floats) -> float:
    """Return 0 for normal, more for fat tails."""
    scaled = (values - values.mean()) / values.std()
    return float((scaled**4).mean() - 3)


def correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of two series."""
    return float(np.asarray(np.corrcoef(one, other))[0, 1])


def test_an_instant_has_one_price_whoever_asks(market: Market) -> None:
    """History agrees with snapshots only if order and company do not matter."""
    times = np.array([T0, T0 + 1234, T0 - 40 * DAY])
    together = market.prices_usd(np.arange(20), times)

    alone = Market().prices_usd(np.array([7]), times[1:2])

    assert together[7, 1] == alone[0, 0]


def test_another_seed_is_another_market(market: Market) -> None:
    """Tests that must not depend on one path try several."""
    times = np.array([T0])

    assert market.prices_usd(np.arange(3), times).tolist() != (
        Market(1).prices_usd(np.arange(3), times).tolist()
    )


def test_daily_moves_have_the_size_the_file_says(market: Market) -> None:
    """Bitcoin moves 2 to 3 % a day, not 20."""
    daily = returns(market, BITCOIN, ETHEREUM, step=DAY, count=3000)

    assert simulated_coins()[BITCOIN].daily_volatility == pytest.approx(daily[0].std(), rel=0.4)
    assert simulated_coins()[ETHEREUM].daily_volatility == pytest.approx(daily[1].std(), rel=0.4)


def test_returns_have_fat_tails(market: Market) -> None:
    """Rules tuned on a bell curve cry wolf in the real market."""
    assert excess_kurtosis(returns(market, BITCOIN)[0]) > 1


def test_volatility_clusters(market: Market) -> None:
    """Wild hours follow wild hours: their sizes correlate, their signs do not."""
    hourly = returns(market, BITCOIN, count=8000)[0]

    assert correlation(np.abs(hourly[:-1]), np.abs(hourly[1:])) > 0.08
    assert abs(correlation(hourly[:-1], hourly[1:])) < 0.1


def test_coins_move_together_but_not_alike(market: Market) -> None:
    """One market, a hundred stories."""
    bitcoin, ethereum = returns(market, BITCOIN, ETHEREUM)

    assert 0.25 < correlation(bitcoin, ethereum) < 0.75


def test_stable_coins_stay_near_a_dollar(market: Market) -> None:
    """A peg that breaks every week would set off every alarm."""
    prices = market.prices_usd(np.array([TETHER]), T0 + HOUR * np.arange(5000))

    assert 0.98 < prices.min() < prices.max() < 1.02


def test_a_staked_coin_follows_what_is_inside(market: Market) -> None:
    """Staked ether at half of ether would be the crash of the year."""
    steth = market.place_by_id["steth"]
    prices = market.prices_usd(np.array([ETHEREUM, steth]), T0 + DAY * np.arange(500))

    assert (prices[1] / prices[0]).tolist() == pytest.approx([1.0] * 500, abs=0.01)


def test_prices_are_smooth_from_one_millisecond_to_the_next(market: Market) -> None:
    """Two snapshots a second apart differ by a breath."""
    prices = market.prices_usd(np.array([BITCOIN]), T0 + np.arange(3000))[0]
    steps = np.abs(np.diff(np.log(prices)))

    assert 0 < steps.max() < 1e-5


def test_prices_stay_near_what_the_coin_costs(market: Market) -> None:
    """Without a level to come back to, eight years would carry a coin anywhere."""
    places = np.arange(len(market.coins))
    levels = np.array([coin.price_usd for coin in market.coins])[:, None]
    ratios = market.prices_usd(places, 1_514_764_800_000 + 7 * DAY * np.arange(450)) / levels

    assert 0.1 < ratios.min() < ratios.max() < 10


def test_supplies_grow_and_never_pass_the_maximum(market: Market) -> None:
    """A supply above its maximum goes to quarantine, rightly."""
    times = T0 + 365 * DAY * np.arange(-8, 12)

    for place, coin in enumerate(market.coins):
        supplies = market.supplies(place, times)
        assert supplies.max() <= (coin.max_supply or np.inf)
        assert supplies.min() > 0


def test_the_coins_are_many_and_their_maximum_is_mostly_unknown() -> None:
    """CoinCap sends null for 61 % of them."""
    coins = simulated_coins()

    assert 120 <= len(coins) == len({coin.id for coin in coins})
    assert 0.5 < sum(coin.max_supply is None for coin in coins) / len(coins) < 0.7
