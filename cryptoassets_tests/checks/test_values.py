"""Promises of the comparison of values: whatever differs is named, and nothing else."""

from decimal import Decimal
from typing import Any

import pyarrow as pa

from cryptoassets.checks.values import differences


def rows(*values: tuple[str, Any, str | None]) -> pa.Table:
    """Rows of a made-up table."""
    names = ("raw_id", "price_usd", "name")
    types = (pa.string(), pa.decimal128(38, 18), pa.string())
    columns = zip(*values, strict=True) if values else ((), (), ())
    return pa.table({n: pa.array(c, t) for n, t, c in zip(names, types, columns, strict=True)})


DOGE = ("doge@1", Decimal("0.1"), "Doge \N{DOG}")
ETHER = ("ether@1", None, None)


def test_rows_that_agree_are_not_named_in_whatever_order() -> None:
    """PostgreSQL and Parquet give rows in an order of their own."""
    assert [] == differences(rows(DOGE, ETHER), rows(ETHER, DOGE))
    assert [] == differences(rows(), rows(DOGE))


def test_rows_that_only_one_side_has_are_left_to_the_comparison_of_ids() -> None:
    """Each fault is named once."""
    assert [] == differences(rows(DOGE), rows(ETHER))


def test_every_column_that_differs_is_named_with_its_rows() -> None:
    """A text that was stored in another encoding has a right id and right numbers."""
    found = differences(
        rows(("doge@1", Decimal("0.1"), "Doge ??"), ("ether@1", Decimal(2), None)),
        rows(ETHER, DOGE),
    )

    assert [
        "1 rows of the table have another price_usd than cleaned (ether@1)",
        "1 rows of the table have another name than cleaned (doge@1)",
    ] == found


def test_a_null_is_not_the_same_as_a_value() -> None:
    """Comparing with null gives null, which is not true."""
    lost = differences(rows(("doge@1", None, None)), rows(DOGE))

    assert ["price_usd", "name"] == [sentence.split()[7] for sentence in lost]
