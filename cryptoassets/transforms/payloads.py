"""Extracts the payload fields that the rules read, as one text column per field.

What goes here: their text, and the columns of a kernel's input. What stays out: which fields they
are (in `schemas.flows`), reading documents (in `stores`) and the meaning of a text (in `numbers`,
`rules`).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from cryptoassets.schemas import NUMBER_KEY, RawTable
from cryptoassets.schemas.arrow import arrow_schema


def field_texts(payload: Mapping[str, Any], fields: Iterable[str]) -> tuple[str | None, ...]:
    """Return the text of each field; the rules can thus judge values of any JSON type.

    Args:
        payload: the payload of a document that this platform wrote, as MongoDB returned it.
        fields: keys of the payload.

    Returns:
        Strings unchanged; None for null and for missing fields; for other values their JSON text,
        with sorted keys and without blanks. A number that raw stores as `{"$numberDecimal": text}`
        becomes that text.
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
    """Replace objects that represent a number in raw by the text of the number."""
    if isinstance(value, dict):
        kept = value.get(NUMBER_KEY)
        if len(value) == 1 and isinstance(kept, str):
            return kept
        return {name: _as_sent(member) for name, member in value.items()}
    return [_as_sent(member) for member in value] if isinstance(value, list) else value


def kernel_schema(table: RawTable) -> pa.Schema:
    """Return the columns of a kernel's input: those of a raw table, then `payload.<field>`."""
    texts = [pa.field(payload_column(field), pa.string()) for field in table.payload_fields]
    return pa.schema([*arrow_schema(table), *texts])


def payload_column(field: str) -> str:
    """Return the name of a field's column in a kernel's input."""
    return f"payload.{field}"


def payload_texts(raw: pa.Table, table: RawTable) -> dict[str, pa.Array]:
    """Map each field to its texts, one per row of a kernel's input."""
    return {field: raw[payload_column(field)].combine_chunks() for field in table.payload_fields}
