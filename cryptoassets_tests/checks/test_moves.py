"""Unusual price moves and unchanged prices lead to few, useful alerts."""

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
# Returns of a calm coin: up and down by about 0.2 %, no value twice in a row.
CALM = (0.002, -0.0015, 0.001, -0.002, 0.0025, -0.001, 0.0015, -0.0025)


def observations(
    coin: str, returns: Sequence[float], *, gaps: dict[int, timedelta] | None = None
) -> pa.Table:
    """Compute a coin's prices from its returns, five minutes apart except at `gaps` (by index)."""
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
    """Return the prices of calm coins; `last` maps indexes of some coins to their newest return."""
    calm = list(itertools.islice(itertools.cycle(CALM), past))
    return pa.concat_tables(
        observations(f"coin-{number}", [*calm, last.get(number, 0.001)]) for number in range(coins)
    )


def test_one_wild_coin_is_reported_with_its_return_and_z_score() -> None:
    """An extreme price is usually an error of the source."""
    moves = wild_moves(market(10, {3: 0.5}))

    assert ["coin-3"] == [move.coin_id for move in moves.wild]
    assert 50 == pytest.approx(moves.wild[0].return_pct)
    assert moves.wild[0].z > 8
    assert (10, False) == (moves.judged, moves.is_market_wide)


def test_a_fall_counts_as_much_as_a_rise() -> None:
    """The reported return keeps its sign."""
    (move,) = wild_moves(market(10, {3: -0.5})).wild

    assert move.z < -8
    assert -50 == pytest.approx(move.return_pct)


def test_a_market_wide_move_is_one_event() -> None:
    """Nobody would read a hundred alerts at once."""
    moves = wild_moves(market(10, dict.fromkeys(range(4), -0.1)))

    assert 4 == len(moves.wild)
    assert moves.is_market_wide


def test_a_calm_market_raises_no_alert() -> None:
    """All coins are judged, and no coin moves unusually."""
    moves = wild_moves(market(10, {}))

    assert ([], 10) == (moves.wild, moves.judged)


def test_a_small_move_of_a_stablecoin_is_not_wild() -> None:
    """After unchanged prices, a 1 % move has a high z-score; `RETURN_FLOOR` prevents an alert."""
    flat = observations("tether", [0.0] * 20 + [0.01])

    assert [] == wild_moves(flat).wild


def test_returns_are_scaled_by_the_time_they_span() -> None:
    """After a pause of twelve hours, a larger return is normal."""
    pause = {20: timedelta(hours=12)}
    calm = list(itertools.islice(itertools.cycle(CALM), 20))

    after_pause = wild_moves(observations("bitcoin", [*calm, 0.05], gaps=pause))
    without_pause = wild_moves(observations("bitcoin", [*calm, 0.05]))

    assert ([], 1) == (after_pause.wild, after_pause.judged)
    assert 1 == len(without_pause.wild)


@pytest.mark.parametrize(("returns", "judged"), [(12, 0), (13, 1)])
def test_a_coin_with_too_few_earlier_prices_is_not_judged(returns: int, judged: int) -> None:
    """A coin needs 12 returns before the newest one."""
    prices = observations("new", list(itertools.islice(itertools.cycle(CALM), returns)))

    assert judged == wild_moves(prices).judged


def test_a_coin_that_is_not_in_the_newest_snapshot_is_not_judged() -> None:
    """The coin's last move happened before the newest snapshot."""
    gone = observations("gone", [*CALM, *CALM, 0.9])
    there = observations("there", [*CALM, *CALM, *CALM])

    moves = wild_moves(pa.concat_tables([gone, there]))

    assert ([], 1) == (moves.wild, moves.judged)


def test_coins_with_different_numbers_of_prices_do_not_affect_each_other() -> None:
    """The computation is vectorized over all coins, and must not mix returns of different coins."""
    coins = [observations("new", CALM), observations("odd", [*CALM, *CALM[:4], 0.3])]
    coins += [observations("even", [*CALM, *CALM[:5], -0.4]), observations("long", CALM * 3)]
    shifted = [coin.set_column(1, "observed_at", _ended_at_once(coin)) for coin in coins]

    together = wild_moves(pa.concat_tables(shifted[::-1]))

    alone = [move for coin in shifted for move in wild_moves(coin).wild]
    assert {"odd", "even"} == {move.coin_id for move in together.wild}
    assert sorted(alone, key=lambda move: -abs(move.z)) == together.wild
    assert 3 == together.judged


def _ended_at_once(coin: pa.Table) -> pa.Array:
    """Shift the times of a coin so that the newest price of every coin has the same time."""
    ended = pa.scalar(START + timedelta(days=1), pa.timestamp("us", "UTC"))
    return pc.add(coin["observed_at"], pc.subtract(ended, pc.max(coin["observed_at"])))


def test_without_prices_there_are_no_moves() -> None:
    """Before the first run, there are no prices."""
    moves = wild_moves(market(1, {}).slice(0, 0))

    assert (None, 0, []) == (moves.observed_at, moves.judged, moves.wild)


@pytest.mark.parametrize(
    ("last", "share"), [({}, 0.0), (dict.fromkeys(range(10), 0.0), 1.0), ({0: 0.0}, 0.1)]
)
def test_the_share_of_repeated_prices_is_computed(last: dict[int, float], share: float) -> None:
    """If all prices are repeated exactly, the source may be stuck."""
    assert share == pytest.approx(repeated_share(market(10, last)))


@pytest.mark.parametrize(("coins", "past"), [(4, 20), (10, -1)])
def test_the_share_is_zero_for_few_coins_or_one_snapshot(coins: int, past: int) -> None:
    """A few coins may all be stablecoins, whose prices do not change."""
    last = dict.fromkeys(range(coins), 0.0)
    prices = market(coins, last, past=20)
    first = prices.filter(pc.equal(prices["observed_at"], pa.scalar(START)))

    assert 0.0 == repeated_share(prices if past > 0 else first)
