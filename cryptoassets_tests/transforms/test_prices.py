"""Judging returns one row with one outcome per document, and also judges whole snapshots."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.schemas import CLEAN_COIN_PRICES
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.coins import newest_row_per_coin
from cryptoassets.transforms.prices import judge_prices
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT, Row, instant, raw_row, raw_table

BROKEN = {"coin": {"priceUsd": None}}
FOREIGN = {"coin_id": None, "fetched_at": None, "source": None, "is_foreign": True}
Judged = dict[str, Row]


def snapshot(number: int, good: int, broken: int = 0, **changes: Any) -> list[Row]:
    """Return rows of one snapshot for which ten coins were requested."""
    names = [f"coin-{n}" for n in range(good + broken)]
    return [
        raw_row(name, number, **({"coins_asked": 10} | (BROKEN if n >= good else {}) | changes))
        for n, name in enumerate(names)
    ]


def response(name: str, seconds: int, **changes: Any) -> Row:
    """Return a row of snapshot 20 that was fetched some seconds after the snapshot's instant."""
    fetched_at = instant(20) + timedelta(seconds=seconds)
    return raw_row(name, 20, raw_id=f"{name} {seconds}", fetched_at=fetched_at, **changes)


ROWS = [
    *snapshot(0, good=3),
    *snapshot(1, good=4),
    *snapshot(2, good=10, is_repeated=True),
    *snapshot(3, good=3, broken=7),
    *snapshot(4, good=4, broken=6),
    *snapshot(5, good=0, broken=3),
    # Second responses and foreign documents do not count as additional coins.
    *snapshot(7, good=3),
    *(raw_row(f"coin-{n}", 7, coins_asked=10) | {"raw_id": f"again {n}"} for n in range(3)),
    raw_row("foreign-3", 7, **FOREIGN, payload="{}"),
    # If foreign documents were counted, over 60 % of the rows (7 of 11) would be broken.
    *snapshot(8, good=4, broken=5),
    *(raw_row(f"foreign-{n}", 8, **FOREIGN, payload="{}") for n in range(2)),
    raw_row("foreign", 6, **FOREIGN, payload='{"anything": 1}'),
    raw_row("foreign-2", 6, **FOREIGN, payload=None),
    # Two responses for the same coin and instant: the later one wins.
    response("bitcoin", 1),
    response("bitcoin", 2, coin={"name": "Corrected"}),
    # The latest valid response wins, although a later response is broken.
    response("ripple", 1),
    response("ripple", 2),
    response("ripple", 3, **BROKEN),
    # The later response wins by its time, not by its id.
    response("polkadot", 1) | {"raw_id": "polkadot b"},
    response("polkadot", 2, coin={"name": "Corrected"}) | {"raw_id": "polkadot a"},
    # Two equal responses fetched at the same time: the row with the larger id wins.
    response("tether", 1, payload=raw_row("tether", 20)["payload"]) | {"raw_id": "tether a"},
    response("tether", 1) | {"raw_id": "tether b"},
    # Two values in the same response: it is unknown which value is correct.
    response("solana", 1, coin={"name": "Earlier"}),
    response("solana", 2, coin={"vwap24Hr": "2"}) | {"raw_id": "solana a"},
    response("solana", 2, coin={"vwap24Hr": "3"}) | {"raw_id": "solana b"},
    response("solana", 2, **BROKEN) | {"raw_id": "solana c"},
    # A broken row does not contradict a valid one.
    response("cardano", 1) | {"raw_id": "cardano a"},
    response("cardano", 1, **BROKEN) | {"raw_id": "cardano b"},
    *(raw_row(f"companion-{n}", 20) for n in range(3)),
]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """`ROWS`, judged in one table."""
    return judge_prices(raw_table(ROWS))


@pytest.fixture(scope="module")
def judged(table: pa.Table) -> Judged:
    """The judged rows by raw_id."""
    return {row["raw_id"]: row for row in table.to_pylist()}


def reasons_of(judged: Judged, number: int) -> Counter[tuple[str, ...]]:
    """Return how often each list of reasons occurs in a snapshot."""
    rows = [row for row in judged.values() if row["observed_at"].timestamp() == _time(number)]
    return Counter(tuple(row["reasons"]) for row in rows)


def _time(number: int) -> float:
    return instant(number).timestamp()


def test_every_document_becomes_one_row_with_the_documented_columns(
    table: pa.Table, judged: Judged
) -> None:
    """Otherwise raw = valid + quarantined + superseded would not hold."""
    assert {row["raw_id"] for row in ROWS} == set(judged)
    assert len(ROWS) == table.num_rows
    assert arrow_schema(CLEAN_COIN_PRICES) == table.schema


@pytest.mark.parametrize(
    ("number", "reasons"),
    [
        pytest.param(0, {("snapshot_incomplete",): 3}, id="3 of 10 coins"),
        pytest.param(1, {(): 4}, id="exactly 40 % is enough"),
        pytest.param(2, {("snapshot_incomplete",): 10}, id="a page twice"),
        pytest.param(
            3,
            {("snapshot_unreliable",): 3, ("price_usd_missing", "snapshot_unreliable"): 7},
            id="70 % broken",
        ),
        pytest.param(4, {(): 4, ("price_usd_missing",): 6}, id="exactly 60 % is allowed"),
        pytest.param(
            5,
            {("price_usd_missing", "snapshot_incomplete", "snapshot_unreliable"): 3},
            id="all reasons, sorted",
        ),
        pytest.param(
            7, {("snapshot_incomplete",): 6, ("foreign_document",): 1}, id="a coin counts once"
        ),
        pytest.param(6, {("foreign_document",): 2}, id="foreign documents"),
        pytest.param(
            8,
            {(): 4, ("price_usd_missing",): 5, ("foreign_document",): 2},
            id="foreign documents are not counted",
        ),
    ],
)
def test_a_snapshot_is_judged_as_a_whole(
    judged: Judged, number: int, reasons: dict[tuple[str, ...], int]
) -> None:
    """All rows of an incomplete or mostly broken snapshot are quarantined."""
    assert reasons == reasons_of(judged, number)


def test_a_row_is_quarantined_if_and_only_if_it_has_reasons(judged: Judged) -> None:
    """All other rows are valid or superseded."""
    for row in judged.values():
        assert bool(row["reasons"]) == (row["outcome"] == "quarantined")


def test_the_later_response_supersedes_the_earlier(judged: Judged) -> None:
    """CoinCap may send a corrected price for the same instant."""
    assert "superseded" == judged["bitcoin 1"]["outcome"]
    assert "valid" == judged["bitcoin 2"]["outcome"]


def test_the_later_response_wins_even_if_its_id_is_smaller(judged: Judged) -> None:
    """An id ends in a hash, so the order of ids says nothing about time."""
    assert "superseded" == judged["polkadot b"]["outcome"]
    assert "valid" == judged["polkadot a"]["outcome"]


def test_a_broken_response_does_not_supersede_an_earlier_one(judged: Judged) -> None:
    """A broken correction must not remove a good price."""
    outcomes = [judged[f"ripple {seconds}"]["outcome"] for seconds in (1, 2, 3)]

    assert ["superseded", "valid", "quarantined"] == outcomes


def test_the_id_decides_between_responses_fetched_at_the_same_time(judged: Judged) -> None:
    """A rebuild must choose the same response."""
    assert "superseded" == judged["tether a"]["outcome"]
    assert "valid" == judged["tether b"]["outcome"]


def test_both_values_of_a_contradictory_response_are_quarantined(judged: Judged) -> None:
    """It is unknown which value is correct; the earlier response stays valid."""
    both = [judged[name] for name in ("solana a", "solana b")]

    assert [["contradictory_answer"]] * 2 == [row["reasons"] for row in both]
    assert ["quarantined"] * 2 == [row["outcome"] for row in both]
    assert "valid" == judged["solana 1"]["outcome"]


def test_a_broken_row_does_not_contradict_other_rows(judged: Judged) -> None:
    """A broken row has its own reason and no usable value."""
    assert ["price_usd_missing"] == judged["solana c"]["reasons"]
    assert ["valid", "quarantined"] == [judged[f"cardano {x}"]["outcome"] for x in "ab"]


def test_a_foreign_document_is_quarantined_with_its_payload(judged: Judged) -> None:
    """Foreign documents are not dropped silently."""
    row = judged["foreign@6"]

    assert ("quarantined", "unknown") == (row["outcome"], row["source"])
    assert '{"anything": 1}' == row["payload"]


def test_ids_that_differ_in_case_are_two_coins() -> None:
    """Slugs are in lower case, so `Bitcoin` is quarantined."""
    rows = [raw_row("bitcoin", 0), raw_row("Bitcoin", 0)]

    found = judge_prices(raw_table(rows)).to_pylist()

    reasons = {row["coin_id"]: row["reasons"] for row in found}
    assert {"bitcoin": [], "Bitcoin": ["bad_id"]} == reasons


@NO_TIME_LIMIT
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_order_of_documents_does_not_change_how_they_are_judged(
    judged: Judged, random: Any, chunks: int
) -> None:
    """A rebuild may read documents in another order and in other batches."""
    shuffled = raw_table(random.sample(ROWS, len(ROWS)))
    size = len(ROWS) // chunks
    parts = [shuffled.slice(n * size, size if n + 1 < chunks else None) for n in range(chunks)]

    again = judge_prices(pa.concat_tables(parts))

    assert judged == {row["raw_id"]: row for row in again.to_pylist()}


def test_each_snapshot_is_judged_independently_of_others(judged: Judged) -> None:
    """Tasks can therefore judge parts of a partition, as long as no snapshot is split."""
    times = {row["observed_at"] for row in ROWS}
    alone = [[row for row in ROWS if row["observed_at"] == time] for time in times]

    found = [row for rows in alone for row in judge_prices(raw_table(rows)).to_pylist()]

    assert judged == {row["raw_id"]: row for row in found}


def test_no_documents_yield_no_rows() -> None:
    """A partition may have no documents."""
    judged = judge_prices(raw_table([]))

    assert arrow_schema(CLEAN_COIN_PRICES) == judged.schema
    assert [0, 0] == [judged.num_rows, newest_row_per_coin(judged).num_rows]


JSON_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)
FIELDS = st.sampled_from(["id", "rank", "symbol", "name", "priceUsd", "supply", "vwap24Hr", "new"])


@NO_TIME_LIMIT
@given(st.lists(st.dictionaries(FIELDS, JSON_VALUES, max_size=3), max_size=20))
def test_no_payload_fails_the_batch_or_passes_unchecked(
    payloads: list[dict[str, Any]],
) -> None:
    """Each row is quarantined or has all required values, whatever its payload contains."""
    rows = [raw_row("bitcoin", number, coin=coin) for number, coin in enumerate(payloads)]

    judged = judge_prices(raw_table(rows)).to_pylist()

    assert len(rows) == len(judged)
    for row in judged:
        needed = [row[name] for name in ("coin_id", "price_usd", "rank", "symbol", "name")]
        has_all = None not in needed
        assert row["outcome"] == "quarantined" or (has_all and row["price_usd"] > Decimal(0))
