"""Extracts the payload fields that the rules read, as one string column per field.

What goes here: converting values to strings, and the input columns of a kernel, which is a function
that judges documents. What stays out: the list of fields (in `schemas.flows`), reading documents
(in `stores`) and the meaning of a string (in `numbers`, `rules`).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from cryptoassets.schemas import NUMBER_KEY, RawTable
from cryptoassets.schemas.arrow import arrow_schema


def field_texts(payload: Mapping[str, Any], fields: Iterable[str]) -> tuple[str | None, ...]:
    """Return each field as a string, so that the rules can judge values of any JSON type.

    Args:
        payload: the payload of a document that this platform wrote, as MongoDB returned it.
        fields: keys of the payload.

    Returns:
        One string per field. JSON strings are unchanged, null and missing fields become None, and
        other values become their JSON text, with sorted keys and without whitespace. A number that
        the document stores as `{"$numberDecimal": text}` becomes that text.
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
    """Replace each object that stores a number with the text of the number."""
    if isinstance(value, dict):
        kept = value.get(NUMBER_KEY)
        if len(value) == 1 and isinstance(kept, str):
            return kept
        return {name: _as_sent(member) for name, member in value.items()}
    return [_as_sent(member) for member in value] if isinstance(value, list) else value


def kernel_schema(table: RawTable) -> pa.Schema:
    """Return a kernel's input columns: the raw table's, then one `payload.<field>` per field."""
    texts = [pa.field(payload_column(field), pa.string()) for field in table.payload_fields]
    return pa.schema([*arrow_schema(table), *texts])


def payload_column(field: str) -> str:
    """Return the name of a field's column in a kernel's input."""
    return f"payload.{field}"


def payload_texts(raw: pa.Table, table: RawTable) -> dict[str, pa.Array]:
    """Map each field to its strings, one per row of a kernel's input."""
    return {field: raw[payload_column(field)].combine_chunks() for field in table.payload_fields}
