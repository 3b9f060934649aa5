"""Comparing values reports exactly the columns that differ."""

from decimal import Decimal
from typing import Any

import pyarrow as pa

from cryptoassets.checks.values import differences


def rows(*values: tuple[str, Any, str | None]) -> pa.Table:
    """Return rows of a test table."""
    names = ("raw_id", "price_usd", "name")
    types = (pa.string(), pa.decimal128(38, 18), pa.string())
    columns = zip(*values, strict=True) if values else ((), (), ())
    return pa.table({n: pa.array(c, t) for n, t, c in zip(names, types, columns, strict=True)})


DOGE = ("doge@1", Decimal("0.1"), "Doge \N{DOG}")
ETHER = ("ether@1", None, None)


def test_equal_rows_in_any_order_are_not_reported() -> None:
    """PostgreSQL and Parquet return rows in different orders."""
    assert [] == differences(rows(DOGE, ETHER), rows(ETHER, DOGE))
    assert [] == differences(rows(), rows(DOGE))


def test_rows_that_exist_on_one_side_only_are_ignored() -> None:
    """The comparison of ids already reports them."""
    assert [] == differences(rows(DOGE), rows(ETHER))


def test_every_column_that_differs_is_reported_with_its_rows() -> None:
    """For example, a wrong encoding changes a string, but neither the id nor the numbers."""
    found = differences(
        rows(("doge@1", Decimal("0.1"), "Doge ??"), ("ether@1", Decimal(2), None)),
        rows(ETHER, DOGE),
    )

    assert [
        "price_usd differs from the cleaned rows in 1 of 2 rows of the table (ether@1)",
        "name differs from the cleaned rows in 1 of 2 rows of the table (doge@1)",
    ] == found


def test_a_null_differs_from_a_value() -> None:
    """A comparison with null yields null, which must not count as equal."""
    lost = differences(rows(("doge@1", None, None)), rows(DOGE))

    assert ["price_usd", "name"] == [sentence.split()[0] for sentence in lost]
