"""The contract functions report each problem with its count."""

from typing import Any

import pyarrow as pa
import pytest

from cryptoassets.schemas import COIN_PRICES
from cryptoassets.transforms.contract import (
    Tally,
    column_problems,
    conservation_problems,
    duplicate_keys,
    key_problems,
    tally,
)

SCHEMA = pa.schema(
    [
        ("raw_id", pa.string()),
        ("coin_id", pa.string()),
        ("observed_at", pa.int64()),
        ("outcome", pa.string()),
        ("reasons", pa.list_(pa.string())),
    ]
)


def rows(*changes: dict[str, Any]) -> pa.Table:
    """Return one row per change: a valid row with its own coin, to which the change is applied."""
    ordinary = [
        {"raw_id": f"raw {n}", "coin_id": f"coin-{n}", "observed_at": 0, "outcome": "valid"}
        | {"reasons": []}
        | change
        for n, change in enumerate(changes)
    ]
    return pa.Table.from_pylist(ordinary, schema=SCHEMA)


UNEXPLAINED = "rows are quarantined without a reason, or have a reason but are not quarantined"
QUARANTINED = {"outcome": "quarantined", "reasons": ["bad_id"]}


def test_tally_counts_each_outcome_and_unknown_outcomes() -> None:
    """A valid partition has no unknown outcomes."""
    counted = tally(rows({}, {}, QUARANTINED, {"outcome": "superseded"}, {"outcome": "lost"}))

    assert Tally(raw=5, valid=2, quarantined=1, superseded=1) == counted
    assert 1 == counted.other


def test_a_partition_without_rows_has_no_problems() -> None:
    """An hour without documents is valid."""
    assert Tally(0, 0, 0, 0) == tally(rows())
    assert [] == conservation_problems(rows())
    assert [] == key_problems(rows(), COIN_PRICES.key)


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ([{}, QUARANTINED, {"outcome": "superseded"}], []),
        ([{}, {"outcome": "lost"}], ["1 of 2 rows have no known outcome"]),
        ([{}, {"outcome": None}], ["1 of 2 rows have no known outcome"]),
        (
            [{"outcome": "quarantined"}, {}],
            [f"1 {UNEXPLAINED}"],
        ),
        (
            [{"reasons": ["bad_id"]}, {"outcome": "superseded", "reasons": ["bad_id"]}],
            [f"2 {UNEXPLAINED}"],
        ),
        (
            [{"reasons": None}, {"outcome": "quarantined", "reasons": None}],
            [f"1 {UNEXPLAINED}"],
        ),
    ],
    ids=["good", "lost", "null outcome", "unexplained", "loaded", "null reasons"],
)
def test_rows_that_violate_the_outcome_rules_are_counted(
    changes: list[dict[str, Any]], problems: list[str]
) -> None:
    """Raw = valid + quarantined + superseded, and only quarantined rows have reasons."""
    assert problems == conservation_problems(rows(*changes))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ([{}, {"raw_id": "raw 0"}], "1 duplicate keys (raw_id): [{'raw_id': 'raw 0'}]"),
        ([{"raw_id": None}], "1 null values in raw_id"),
        ([{"coin_id": None}], "1 null values in coin_id, observed_at"),
        (
            [{}, {"coin_id": "coin-0"}],
            "1 duplicate keys (coin_id, observed_at): [{'coin_id': 'coin-0', 'observed_at': 0}]",
        ),
    ],
    ids=["raw_id", "null raw_id", "null key", "key"],
)
def test_a_null_or_duplicate_key_is_reported(changes: list[dict[str, Any]], problem: str) -> None:
    """The message shows the first few duplicate keys, so that a reader knows where to look."""
    assert [problem] == key_problems(rows(*changes), COIN_PRICES.key)


def test_only_valid_rows_need_unique_keys() -> None:
    """Quarantined and superseded rows may have null or duplicate keys."""
    same = {"coin_id": "coin-0"}
    superseded, broken = {"outcome": "superseded"}, QUARANTINED | {"coin_id": None}

    assert [] == key_problems(rows({}, same | superseded, broken, broken), COIN_PRICES.key)


def test_a_key_in_three_rows_is_one_duplicate_key() -> None:
    """The check counts keys, not rows."""
    three = rows({}, {"coin_id": "coin-0"}, {"coin_id": "coin-0"})

    assert [{"coin_id": "coin-0"}] == duplicate_keys(three, ("coin_id",)).to_pylist()


def test_columns_that_differ_from_the_contract_are_named() -> None:
    """Otherwise PostgreSQL would reject a wrong column, with an error that does not name it."""
    reasons = pa.list_(pa.field("element", pa.string(), nullable=False))
    actual = pa.schema([("reasons", reasons), ("observed_at", pa.string()), ("price", pa.int8())])
    numbers = pa.schema([("reasons", pa.list_(pa.int8()))])

    assert ["reasons is list<item: int8>, not list<item: string>"] == [
        problem for problem in column_problems(numbers, SCHEMA) if "missing" not in problem
    ]
    assert [
        "price is unexpected",
        *("raw_id is missing", "coin_id is missing"),
        "observed_at is string, not int64",
        "outcome is missing",
    ] == column_problems(actual, SCHEMA)
