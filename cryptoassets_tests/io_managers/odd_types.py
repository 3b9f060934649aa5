"""Values of every BSON type, for tests that store them in fields that need another type."""

from datetime import UTC, datetime
from typing import Any

from bson import (
    Binary,
    Code,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.datetime_ms import DatetimeMS

from cryptoassets_tests.io_managers.rows import HOUR, start_of

_TIME = start_of(HOUR)

STORED_BY_STANDIN: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "word": "yesterday",
    "iso text": "2026-10-31T23:15:00.000Z",
    "iso text without zone": "2026-10-31T23:15:00",
    "empty text": "",
    "int": 7,
    "long": Int64(1_795_428_900_000),
    "double": 1.5,
    "bool": True,
    "document": {"a": 1},
    "array": [7, "x"],
    "array of dates": [_TIME],
    "empty array": [],
    "binary": b"x",
    "object id": ObjectId("64b7f0000000000000000001"),
    "early date": datetime(1, 1, 1, tzinfo=UTC),
    "late date": datetime(9999, 12, 31, tzinfo=UTC),
}
"""Maps names to values that nx-27017, the stand-in for MongoDB, can store.

`...` means that the field is missing.
"""

OTHERS: dict[str, Any] = {
    "nan": float("nan"),
    "decimal": Decimal128("1.5"),
    "timestamp": Timestamp(_TIME, 1),
    "regex": Regex("x"),
    "code": Code("x"),
    "code with scope": Code("x", {"a": 1}),
    "min key": MinKey(),
    "max key": MaxKey(),
    "reference": DBRef("coins", 1),
    "uuid": Binary(b"0" * 16, 4),
    "date beyond 9999": DatetimeMS(9_999_999_999_999_999),
}
"""Further values, which MongoDB can store but nx-27017 cannot."""


def changed(document: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A copy of a document with another value in a field, or without the field if it is `...`."""
    kept = {name: old for name, old in document.items() if name != field}
    return kept if value is ... else kept | {field: value}
