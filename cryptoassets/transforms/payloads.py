"""The fields of a payload that the rules read, as text, each in a column of its own.

What goes here: which fields, their text, and the columns of a kernel's input. What stays out:
reading documents (in `stores`) and what a text means (in `numbers`, `rules`).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from cryptoassets.schemas import NUMBER_KEY, RAW_COIN_HISTORY, RAW_COIN_SNAPSHOTS, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.rules import HISTORY_FIELDS, SOURCE_FIELDS

FIELDS: dict[str, tuple[str, ...]] = {
    RAW_COIN_SNAPSHOTS.name: ("id", "rank", "symbol", "name", "explorer", *SOURCE_FIELDS.values()),
    RAW_COIN_HISTORY.name: (*HISTORY_FIELDS.values(), "time", "date"),
}
"""Name of a raw table to the fields that its rules read."""


def field_texts(payload: Mapping[str, Any], fields: Iterable[str]) -> tuple[str | None, ...]:
    """The text of each field: the rules judge a number or an object that stands where a text does.

    Args:
        payload: as MongoDB returned it, from a document that this platform wrote.
        fields: keys of the payload.

    Returns:
        None for null and for a missing field, a string as it is, the JSON text of anything else,
        with sorted keys and without blanks. A number that raw keeps as `{"$numberDecimal": text}`
        counts as that string.
    """
    get = payload.get
    # Called for each document, so the usual types are told by identity.
    return tuple([v if type(v := get(name)) is str or v is None else _text(v) for name in fields])


def _text(value: Any) -> str:
    sent = _as_sent(value)
    if isinstance(sent, str):
        return sent
    return json.dumps(
        sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _as_sent(value: Any) -> Any:
    """A value with the text of each number that raw keeps as an object."""
    if isinstance(value, dict):
        kept = value.get(NUMBER_KEY)
        if len(value) == 1 and isinstance(kept, str):
            return kept
        return {name: _as_sent(member) for name, member in value.items()}
    return [_as_sent(member) for member in value] if isinstance(value, list) else value


def kernel_schema(table: Table) -> pa.Schema:
    """What a kernel takes: the columns of a raw table, then `payload.<field>` of each field."""
    texts = [pa.field(payload_column(field), pa.string()) for field in FIELDS[table.name]]
    return pa.schema([*arrow_schema(table), *texts])


def payload_column(field: str) -> str:
    """The name of a field's column in a kernel's input."""
    return f"payload.{field}"


def payload_texts(raw: pa.Table, table: Table) -> dict[str, pa.Array]:
    """Field to its texts, one a row of a kernel's input."""
    return {field: raw[payload_column(field)].combine_chunks() for field in FIELDS[table.name]}
