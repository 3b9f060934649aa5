"""Payload fields are read as the text that was sent, whatever their JSON type."""

from typing import Any

import pytest

from cryptoassets.coincap.lossless import ExactNumber
from cryptoassets.schemas import RAW_COIN_HISTORY, RAW_COIN_SNAPSHOTS, RawTable
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.payloads import field_texts, kernel_schema

TEXTS: list[tuple[Any, str | None]] = [
    (None, None),
    ("", ""),
    (" 1.5 ", " 1.5 "),
    ("\x00\n🚀", "\x00\n🚀"),
    (True, "true"),
    (7, "7"),
    (12345678901234567890, "12345678901234567890"),
    (1e-7, "1e-07"),
    # Java 17 would write 5.9797935293018336E16, which is not the decimal that the source sent.
    (59797935293018340.0, "5.979793529301834e+16"),
    (ExactNumber("1.50"), "1.50"),
    ({"b": [1, None], "a": {"é": "\n"}}, '{"a":{"é":"\\n"},"b":[1,null]}'),
    ({"a": ExactNumber("1.50"), "b": [ExactNumber("2")]}, '{"a":"1.50","b":["2"]}'),
    ({"$numberDecimal": 5}, '{"$numberDecimal":5}'),
    ({"$numberDecimal": "5", "a": 1}, '{"$numberDecimal":"5","a":1}'),
    ([], "[]"),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=lambda value: ascii(value)[:40])
def test_a_value_is_read_as_text(value: Any, text: str | None) -> None:
    """The rules must be able to judge numbers and objects, too."""
    assert (text, None) == field_texts({"priceUsd": value}, ("priceUsd", "absent"))


@pytest.mark.parametrize("table", [RAW_COIN_SNAPSHOTS, RAW_COIN_HISTORY], ids=lambda t: t.name)
def test_kernel_input_is_the_raw_table_followed_by_the_fields(table: RawTable) -> None:
    """Spark's tasks build rows in this order."""
    schema = kernel_schema(table)

    assert list(arrow_schema(table)) == list(schema)[: len(table.columns)]
    assert [f"payload.{f}" for f in table.payload_fields] == schema.names[len(table.columns) :]
