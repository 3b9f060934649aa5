"""Simulated prices move like real ones, and each can be computed independently of others."""

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


def returns(market: Market, *indices: int, step: int = HOUR, count: int = 4000) -> Floats:
    """Return log returns, coins x instants."""
    times = T0 - step * np.arange(count)[::-1]
    return np.diff(np.log(market.prices_usd(np.array(indices), times)))


def excess_kurtosis(values: Floats) -> float:
    """Return 0 for a normal distribution, more for fat tails."""
    scaled = (values - values.mean()) / values.std()
    return float((scaled**4).mean() - 3)


def correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of two series."""
    return float(np.asarray(np.corrcoef(one, other))[0, 1])


def test_the_price_at_an_instant_is_always_the_same(market: Market) -> None:
    """The price does not depend on the order of requests, or on other coins and instants."""
    times = np.array([T0, T0 + 1234, T0 - 40 * DAY])
    together = market.prices_usd(np.arange(20), times)

    alone = Market().prices_usd(np.array([7]), times[1:2])

    assert together[7, 1] == alone[0, 0]


def test_another_seed_gives_another_market(market: Market) -> None:
    """Tests can use several seeds, so that they do not depend on one simulated market."""
    times = np.array([T0])

    assert market.prices_usd(np.arange(3), times).tolist() != (
        Market(1).prices_usd(np.arange(3), times).tolist()
    )


def test_daily_moves_have_the_volatility_in_the_file(market: Market) -> None:
    """Bitcoin moves 2 to 3 % per day, not 20 %."""
    daily = returns(market, BITCOIN, ETHEREUM, step=DAY, count=3000)

    assert simulated_coins()[BITCOIN].daily_volatility == pytest.approx(daily[0].std(), rel=0.4)
    assert simulated_coins()[ETHEREUM].daily_volatility == pytest.approx(daily[1].std(), rel=0.4)


def test_returns_have_fat_tails(market: Market) -> None:
    """Rules tuned with normally distributed returns would report too much in the real market."""
    assert excess_kurtosis(returns(market, BITCOIN)[0]) > 1


def test_volatility_clusters(market: Market) -> None:
    """The sizes of successive hourly moves correlate, their signs do not."""
    hourly = returns(market, BITCOIN, count=8000)[0]

    assert correlation(np.abs(hourly[:-1]), np.abs(hourly[1:])) > 0.08
    assert abs(correlation(hourly[:-1], hourly[1:])) < 0.1


def test_coins_correlate_but_not_fully(market: Market) -> None:
    """Each coin follows the market and a path of its own."""
    bitcoin, ethereum = returns(market, BITCOIN, ETHEREUM)

    assert 0.25 < correlation(bitcoin, ethereum) < 0.75


def test_stable_coins_stay_near_a_dollar(market: Market) -> None:
    """A stable coin that often left its peg would trigger the checks."""
    prices = market.prices_usd(np.array([TETHER]), T0 + HOUR * np.arange(5000))

    assert 0.98 < prices.min() < prices.max() < 1.02


def test_a_staked_coin_follows_the_underlying_coin(market: Market) -> None:
    """The price of staked ether stays near the price of ether."""
    steth = market.index_by_id["steth"]
    prices = market.prices_usd(np.array([ETHEREUM, steth]), T0 + DAY * np.arange(500))

    assert (prices[1] / prices[0]).tolist() == pytest.approx([1.0] * 500, abs=0.01)


def test_prices_are_smooth_from_one_millisecond_to_the_next(market: Market) -> None:
    """Two snapshots one second apart differ very little."""
    prices = market.prices_usd(np.array([BITCOIN]), T0 + np.arange(3000))[0]
    steps = np.abs(np.diff(np.log(prices)))

    assert 0 < steps.max() < 1e-5


def test_prices_stay_near_the_prices_in_the_file(market: Market) -> None:
    """Prices stay within a factor of ten, even over eight years."""
    indices = np.arange(len(market.coins))
    levels = np.array([coin.price_usd for coin in market.coins])[:, None]
    ratios = market.prices_usd(indices, 1_514_764_800_000 + 7 * DAY * np.arange(450)) / levels

    assert 0.1 < ratios.min() < ratios.max() < 10


def test_supplies_grow_and_never_exceed_the_maximum(market: Market) -> None:
    """A supply above its maximum would be quarantined."""
    times = T0 + 365 * DAY * np.arange(-8, 12)

    for index, coin in enumerate(market.coins):
        supplies = market.supplies(index, times)
        assert supplies.max() <= (coin.max_supply or np.inf)
        assert supplies.min() > 0


def test_there_are_many_coins_and_most_have_no_maximum() -> None:
    """CoinCap sends null as the maximum of 61 % of all coins."""
    coins = simulated_coins()

    assert 120 <= len(coins) == len({coin.id for coin in coins})
    assert 0.5 < sum(coin.max_supply is None for coin in coins) / len(coins) < 0.7
