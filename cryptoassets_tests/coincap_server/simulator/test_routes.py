"""The simulator's responses are consistent with each other."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from cryptoassets.coincap_server.exchange import Reply, Request
from cryptoassets.coincap_server.simulator.market import Market, fixed_text, shortest_text
from cryptoassets.coincap_server.simulator.routes import SimulatedContent

NOW_MS = 1_795_428_000_100
HOUR, DAY = 3_600_000, 86_400_000
CONTENT = SimulatedContent(Market())


def rows_of(reply: Reply) -> list[dict[str, Any]]:
    """Parse the elements of a response."""
    assert reply.items is not None
    return [json.loads(item) for item in reply.items]


def coins_at(now_ms: int) -> list[dict[str, Any]]:
    """Return all coins at an instant."""
    return rows_of(CONTENT.reply(Request("GET", "/assets", {"limit": "2000"}), now_ms))


def history(slug: str, interval: str, start: int, end: int, now_ms: int = NOW_MS) -> Reply:
    """Return the history of a coin."""
    query = {"interval": interval, "start": str(start), "end": str(end)}
    return CONTENT.reply(Request("GET", f"/assets/{slug}/history", query), now_ms)


def test_the_same_instant_gives_the_same_response() -> None:
    """Only the seed and the instant determine the response, in every process."""
    assert coins_at(NOW_MS) == coins_at(NOW_MS)
    assert coins_at(NOW_MS) != coins_at(NOW_MS + 60_000)


def test_price_times_supply_is_the_market_cap() -> None:
    """The equation holds for every recorded coin; a rule checks it with a tolerance of 1e-6."""
    for coin in coins_at(NOW_MS):
        product = Decimal(coin["priceUsd"]) * Decimal(coin["supply"])
        cap = Decimal(coin["marketCapUsd"])
        assert abs(product - cap) <= cap * Decimal("1e-12"), coin["id"]


def test_ranks_follow_the_market_cap_without_gaps() -> None:
    """Ranks are computed for every instant."""
    coins = coins_at(NOW_MS)

    caps = [Decimal(coin["marketCapUsd"]) for coin in coins]
    assert [str(rank) for rank in range(1, len(coins) + 1)] == [coin["rank"] for coin in coins]
    assert sorted(caps, reverse=True) == caps
    assert "bitcoin" == coins[0]["id"]


def test_the_change_is_relative_to_the_price_24_hours_before() -> None:
    """A mart computes the same change from two snapshots."""
    before = {coin["id"]: Decimal(coin["priceUsd"]) for coin in coins_at(NOW_MS - DAY)}

    for coin in coins_at(NOW_MS):
        if coin["changePercent24Hr"] is not None:
            change = (Decimal(coin["priceUsd"]) / before[coin["id"]] - 1) * 100
            assert float(change) == pytest.approx(float(coin["changePercent24Hr"]), abs=1e-9)


def test_history_and_snapshot_have_the_same_price_for_the_same_instant() -> None:
    """Hours without snapshots are filled from history, so the prices must agree."""
    hour = NOW_MS // HOUR * HOUR
    snapshot = {coin["id"]: coin for coin in coins_at(hour)}

    for slug in ("bitcoin", "shiba-inu", "steth", "tether"):
        (point,) = rows_of(history(slug, "h1", hour, hour + 1))
        assert snapshot[slug]["priceUsd"] == point["priceUsd"]
        assert snapshot[slug]["supply"] == point["circulatingSupply"]


@pytest.mark.parametrize(("interval", "step"), [("m1", 60_000), ("h6", 6 * HOUR), ("d1", DAY)])
def test_points_lie_on_the_grid_within_the_bounds(interval: str, step: int) -> None:
    """The start is included, the end is not."""
    start = NOW_MS // DAY * DAY - 9 * DAY

    points = rows_of(history("bitcoin", interval, start - 5, start + 3 * step))

    assert [start, start + step, start + 2 * step] == [point["time"] for point in points]


def test_no_point_lies_in_the_future() -> None:
    """If the requested window ends in the future, points are returned only up to now."""
    points = rows_of(history("bitcoin", "h1", NOW_MS - 2 * HOUR, NOW_MS + 10 * HOUR))

    assert 2 == len(points)
    assert max(point["time"] for point in points) <= NOW_MS


def test_history_begins_when_the_coin_was_listed() -> None:
    """Gap detection starts at the listing, not in 2018."""
    points = rows_of(history("sui", "d1", 1_514_764_800_000, NOW_MS))

    assert "2023-05-01T00:00:00.000Z" == points[0]["date"]


def test_about_one_in_a_hundred_vwaps_is_null() -> None:
    """CoinCap sent null even for a coin with rank 6."""
    instants = range(NOW_MS, NOW_MS + 20 * DAY, DAY)
    vwaps = [coin["vwap24Hr"] for instant in instants for coin in coins_at(instant)]

    assert 0.002 < sum(vwap is None for vwap in vwaps) / len(vwaps) < 0.03


def test_responses_are_fast_enough_for_other_tests() -> None:
    """100 coins take at most 150 ms, 30 days of hourly history at most 300 ms."""
    coins_at(NOW_MS)
    begin = time.perf_counter()
    coins_at(NOW_MS + 1)
    middle = time.perf_counter()
    history("ethereum", "h1", NOW_MS - 30 * DAY, NOW_MS)

    assert middle - begin < 0.15
    assert time.perf_counter() - middle < 0.3


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-2.5, "-2.5"),
        (88305.90262468117, "88305.90262468117"),
        (100.0, "100"),
        (0.00001, "0.00001"),
        (0.000001, "0.000001"),
        (9.9e-7, "9.9e-7"),
        (5.1e-7, "5.1e-7"),
        (-1e-10, "-1e-10"),
        (1e20, "100000000000000000000"),
    ],
)
def test_doubles_are_printed_as_javascript_does(number: float, text: str) -> None:
    """Only numbers below 1e-6 have an exponent, and rules must read both forms."""
    assert text == shortest_text(number)
    assert number == float(text)


def test_amounts_are_written_with_18_places() -> None:
    """This value is from a recorded v3 response."""
    assert "87711.199999999997089617" == fixed_text(87711.2)
