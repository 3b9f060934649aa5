"""Promises on prices that move wildly, or not at all: few alerts, each worth reading."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cryptoassets.transforms.moves import repeated_share, wild_moves

START = datetime(2026, 11, 23, tzinfo=UTC)
STEP = timedelta(minutes=5)
# Returns of a calm coin: up and down by about 0.2 %, never the same twice in a row.
CALM = (0.002, -0.0015, 0.001, -0.002, 0.0025, -0.001, 0.0015, -0.0025)


def observations(
    coin: str, returns: Sequence[float], *, gaps: dict[int, timedelta] | None = None
) -> pa.Table:
    """Prices of one coin from its returns, five minutes apart but for the gaps, by place."""
    price, moment = Decimal(100), START
    rows = [{"coin_id": coin, "observed_at": moment, "price_usd": price}]
    for place, change in enumerate(returns):
        price *= 1 + Decimal(str(change))
        moment += (gaps or {}).get(place, STEP)
        amount = price.quantize(Decimal("1e-18"))
        rows.append({"coin_id": coin, "observed_at": moment, "price_usd": amount})
    schema = pa.schema(
        {
            "coin_id": pa.string(),
            "observed_at": pa.timestamp("us", "UTC"),
            "price_usd": pa.decimal128(38, 18),
        }
    )
    return pa.Table.from_pylist(rows, schema=schema)


def market(coins: int, last: dict[int, float], *, past: int = 20) -> pa.Table:
    """Calm coins whose newest return is `last` by number, or calm too."""
    calm = list(itertools.islice(itertools.cycle(CALM), past))
    return pa.concat_tables(
        observations(f"coin-{number}", [*calm, last.get(number, 0.001)]) for number in range(coins)
    )


def test_one_wild_coin_is_named_with_its_return_and_z() -> None:
    """A price a thousand times too high is the source's error more often than a fortune."""
    moves = wild_moves(market(10, {3: 0.5}))

    assert ["coin-3"] == [move.coin_id for move in moves.wild]
    assert 50 == pytest.approx(moves.wild[0].return_pct)
    assert moves.wild[0].z > 8
    assert (10, False) == (moves.judged, moves.is_market_wide)


def test_a_fall_is_as_wild_as_a_rise() -> None:
    """The sign is kept for the reader."""
    (move,) = wild_moves(market(10, {3: -0.5})).wild

    assert move.z < -8
    assert -50 == pytest.approx(move.return_pct)


def test_a_market_that_moves_is_one_event() -> None:
    """A hundred alerts at once are none."""
    moves = wild_moves(market(10, dict.fromkeys(range(4), -0.1)))

    assert 4 == len(moves.wild)
    assert moves.is_market_wide


def test_a_calm_market_raises_nothing() -> None:
    """Silence must mean something."""
    moves = wild_moves(market(10, {}))

    assert ([], 10) == (moves.wild, moves.judged)


def test_a_stable_coin_that_stirs_is_not_wild() -> None:
    """After a flat day any move is infinitely many deviations: floors keep it quiet."""
    flat = observations("tether", [0.0] * 20 + [0.01])

    assert [] == wild_moves(flat).wild


def test_returns_are_scaled_by_the_time_they_span() -> None:
    """A laptop that slept for a night wakes to a price that is a night older."""
    night = {20: timedelta(hours=12)}
    calm = list(itertools.islice(itertools.cycle(CALM), 20))

    asleep = wild_moves(observations("bitcoin", [*calm, 0.05], gaps=night))
    awake = wild_moves(observations("bitcoin", [*calm, 0.05]))

    assert ([], 1) == (asleep.wild, asleep.judged)
    assert 1 == len(awake.wild)


@pytest.mark.parametrize(("returns", "judged"), [(12, 0), (13, 1)])
def test_a_coin_with_too_little_past_is_not_judged(returns: int, judged: int) -> None:
    """12 returns before the newest one make a deviation that means something."""
    prices = observations("new", list(itertools.islice(itertools.cycle(CALM), returns)))

    assert judged == wild_moves(prices).judged


def test_a_coin_that_is_not_in_the_newest_snapshot_is_not_judged() -> None:
    """Its newest move is old news."""
    gone = observations("gone", [*CALM, *CALM, 0.9])
    there = observations("there", [*CALM, *CALM, *CALM])

    moves = wild_moves(pa.concat_tables([gone, there]))

    assert ([], 1) == (moves.wild, moves.judged)


def test_coins_of_all_lengths_are_judged_together_as_alone() -> None:
    """All coins share one calculation: none may borrow a return of its neighbour."""
    coins = [observations("new", CALM), observations("odd", [*CALM, *CALM[:4], 0.3])]
    coins += [observations("even", [*CALM, *CALM[:5], -0.4]), observations("long", CALM * 3)]
    shifted = [coin.set_column(1, "observed_at", _ended_at_once(coin)) for coin in coins]

    together = wild_moves(pa.concat_tables(shifted[::-1]))

    alone = [move for coin in shifted for move in wild_moves(coin).wild]
    assert {"odd", "even"} == {move.coin_id for move in together.wild}
    assert sorted(alone, key=lambda move: -abs(move.z)) == together.wild
    assert 3 == together.judged


def _ended_at_once(coin: pa.Table) -> pa.Array:
    """Times of a coin, moved so that its newest price is at the same moment as all others'."""
    ended = pa.scalar(START + timedelta(days=1), pa.timestamp("us", "UTC"))
    return pc.add(coin["observed_at"], pc.subtract(ended, pc.max(coin["observed_at"])))


def test_no_price_is_no_move() -> None:
    """The first run of all has no past."""
    moves = wild_moves(market(1, {}).slice(0, 0))

    assert (None, 0, []) == (moves.observed_at, moves.judged, moves.wild)


@pytest.mark.parametrize(
    ("last", "share"), [({}, 0.0), (dict.fromkeys(range(10), 0.0), 1.0), ({0: 0.0}, 0.1)]
)
def test_the_share_of_repeated_prices_is_told(last: dict[int, float], share: float) -> None:
    """All the same to the last digit: the source is stuck."""
    assert share == pytest.approx(repeated_share(market(10, last)))


@pytest.mark.parametrize(("coins", "past"), [(4, 20), (10, -1)])
def test_a_handful_of_coins_or_one_snapshot_says_nothing_of_the_source(
    coins: int, past: int
) -> None:
    """Stable coins do stand still."""
    last = dict.fromkeys(range(coins), 0.0)
    prices = market(coins, last, past=20)
    first = prices.filter(pc.equal(prices["observed_at"], pa.scalar(START)))

    assert 0.0 == repeated_share(prices if past > 0 else first)
