"""A document that another program wrote becomes one row, which is marked as foreign."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import Code

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import RAW_COIN_HISTORY
from cryptoassets.stores.documents import lake_id, raw_rows
from cryptoassets_tests.io_managers.odd_types import OTHERS, STORED_BY_STANDIN, changed
from cryptoassets_tests.io_managers.rows import HOUR, Row, document, start_of

WINDOW = Span(start_of(HOUR), start_of(HOUR) + timedelta(hours=1))
POINT = document() | {"interval": "h1"}
DATES = [STORED_BY_STANDIN["early date"], STORED_BY_STANDIN["late date"]]
"""Dates outside `WINDOW`; a server finds documents with these dates in other windows."""
ODD = STORED_BY_STANDIN | OTHERS
TYPES = {
    **dict.fromkeys(("_id", "coin_id", "interval"), str),
    **dict.fromkeys(("observed_at", "fetched_at"), datetime),
    "payload": dict,
    "source": None,
}
"""Maps each field to its proper type; None for `source`, because no odd value is a source."""


def row(planted: Row) -> Row:
    """The row of a document, read back from Arrow."""
    at = planted.get("observed_at")
    window = Span(at, at + timedelta(seconds=1)) if at in DATES else WINDOW
    table = raw_rows([{"_id": None} | planted], RAW_COIN_HISTORY, window, window, {}, 100)
    (held,) = table.to_pylist()
    return dict(held)


@pytest.mark.parametrize("field", TYPES)
@pytest.mark.parametrize("name", ODD)
def test_a_field_of_another_type_makes_a_document_foreign(field: str, name: str) -> None:
    """A foreign document must not break `run`, `audit` or `rebuild`, in its hour or any other."""
    value = ODD[name]

    result = row(changed(POINT, field, value))

    assert result["is_foreign"] is (type(value) is not TYPES[field])


@pytest.mark.parametrize("value", OTHERS.values(), ids=OTHERS)
def test_a_payload_type_that_json_lacks_makes_a_document_foreign(value: Any) -> None:
    """A value of such a type cannot come from CoinCap, and cannot be restored from its text."""
    is_text = isinstance(value, Code)

    result = row(POINT | {"payload": {"id": "bitcoin", "deep": [{"priceUsd": value}]}})

    assert result["is_foreign"] is not is_text
    assert "bitcoin" in result["payload"]


@pytest.mark.parametrize(
    ("observed_at", "minute"),
    [
        ("2026-10-31T23:15:00.000Z", 15),
        ("2026-10-31T23:15:00", 15),
        ("2026-11-01T01:15:00+01:00", 0),
        ([start_of(HOUR) - timedelta(hours=1), start_of(HOUR) + timedelta(minutes=9)], 9),
        ([7], 0),
        ("yesterday", 0),
        (None, 0),
    ],
    ids=str,
)
def test_a_row_is_within_the_window_in_which_the_server_found_the_document(
    observed_at: Any, minute: int
) -> None:
    """The stand-in nx-27017 reads ISO text as a date; MongoDB finds an array by each date in it."""
    result = row(POINT | {"observed_at": observed_at})

    assert result["is_foreign"]
    assert WINDOW[0] + timedelta(minutes=minute) == result["observed_at"]


def test_a_document_found_in_two_ranges_becomes_a_row_of_only_one_range() -> None:
    """MongoDB finds an array by each of its dates; two rows would make the counts inconsistent."""
    middle = WINDOW[0] + timedelta(minutes=30)
    ranges = [Span(WINDOW[0], middle), Span(middle, WINDOW[1])]
    dates = [middle + timedelta(minutes=5), WINDOW[0] + timedelta(minutes=5)]
    planted = {"_id": 7} | POINT | {"observed_at": dates}

    rows = [raw_rows([planted], RAW_COIN_HISTORY, part, WINDOW, {}, 100) for part in ranges]

    assert [1, 0] == [part.num_rows for part in rows]


def test_ids_of_different_types_have_different_texts() -> None:
    """Two rows with the same id would prevent the publication of their hour."""
    ids = [value for value in ODD.values() if value is not ...] + ["7", "None", Code("x", {"b": 2})]

    assert len(ids) == len({lake_id(one) for one in ids})
