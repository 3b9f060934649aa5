"""The payload fields that the rules read, as text, one column per field.

What goes here: which fields they are, their text, and the columns of a kernel's input. What stays
out: reading documents (in `stores`) and the meaning of a text (in `numbers`, `rules`).
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
"""Maps the name of a raw table to the fields that its rules read."""


def field_texts(payload: Mapping[str, Any], fields: Iterable[str]) -> tuple[str | None, ...]:
    """The text of each field, so that the rules can also judge numbers and objects.

    Args:
        payload: as MongoDB returned it, from a document that this platform wrote.
        fields: keys of the payload.

    Returns:
        None for null and for a missing field, a string unchanged, and the JSON text of any other
        value, with sorted keys and without blanks. A number that raw stores as
        `{"$numberDecimal": text}` yields that text.
    """
    get = payload.get
    # Called for each document, so the usual types are checked by identity, which is fast.
    return tuple([v if type(v := get(name)) is str or v is None else _text(v) for name in fields])


def _text(value: Any) -> str:
    sent = _as_sent(value)
    if isinstance(sent, str):
        return sent
    return json.dumps(
        sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _as_sent(value: Any) -> Any:
    """A value in which the text of a number replaces the object that raw stores for it."""
    if isinstance(value, dict):
        kept = value.get(NUMBER_KEY)
        if len(value) == 1 and isinstance(kept, str):
            return kept
        return {name: _as_sent(member) for name, member in value.items()}
    return [_as_sent(member) for member in value] if isinstance(value, list) else value


def kernel_schema(table: Table) -> pa.Schema:
    """Input of a kernel: the columns of a raw table, then `payload.<field>` for each field."""
    texts = [pa.field(payload_column(field), pa.string()) for field in FIELDS[table.name]]
    return pa.schema([*arrow_schema(table), *texts])


def payload_column(field: str) -> str:
    """The name of a field's column in a kernel's input."""
    return f"payload.{field}"


def payload_texts(raw: pa.Table, table: Table) -> dict[str, pa.Array]:
    """Map each field to its texts, one per row of a kernel's input."""
    return {field: raw[payload_column(field)].combine_chunks() for field in FIELDS[table.name]}
