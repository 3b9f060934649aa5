"""The lake returns a payload unchanged, or stores it as a dead letter."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.coincap.verbatim import read_envelope, storage_fault
from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.stores.mongodb import Lake
from cryptoassets_tests.io_managers.contexts import (
    RAW,
    read,
    write,
)
from cryptoassets_tests.io_managers.rows import HOUR, Row, batch, document

pytestmark = pytest.mark.mongo
Documents = list[dict[str, Any]]


@pytest.mark.parametrize(
    "key", ["a.b", ".", "$set", "$", "$ref", "", " ", "ключ", "🚀", "a\u202eb", "_id", "x" * 9000]
)
def test_any_key_is_kept_or_becomes_a_dead_letter(
    mongo_io_manager: MongoIOManager, lake: Lake, key: str
) -> None:
    """MongoDB syntax in a payload must be neither executed nor lost."""
    odd = document(payload={key: {key: "kept"}})

    write(mongo_io_manager, RAW, HOUR, batch(odd, document("ripple")))

    found = read(mongo_io_manager, RAW, HOUR, Documents)
    reasons = [letter["reason"] for letter in lake["dead_letters"].find()]
    assert 2 == len(found) + len(reasons)
    assert odd in found or reasons[0].startswith("refused_by_store_")
    assert document("ripple") in found


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Keys that MongoDB or its stand-in nx-27017 interprets; random strings would not contain them.
KEYS = TEXTS | st.sampled_from(
    [
        "id",
        "_id",
        "$date",
        "$oid",
        "$numberLong",
        "$numberDecimal",
        "__neosqlite_binary__",
        "__neosqlite_objectid__",
    ]
)
JSON_OBJECTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
).map(lambda value: {"odd": value})


@settings(
    max_examples=5,
    deadline=None,
    # Shrinking would need a thousand round trips; a failing list of 20 is short enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(JSON_OBJECTS, min_size=20, max_size=40))
def test_every_accepted_payload_is_returned_unchanged(
    mongo_io_manager: MongoIOManager, lake: Lake, payloads: list[Row]
) -> None:
    """Types, digits, NULs and injected operators do not change."""
    lake["coin_snapshots"].delete_many({})
    lake["dead_letters"].delete_many({})
    stored = [document(payload=p) for p in payloads if storage_fault(p) is None]

    write(mongo_io_manager, RAW, HOUR, batch(*stored))

    found = lake["coin_snapshots"].find()
    kept = {row["_id"]: canonical_payload(row["payload"]) for row in found}
    sent = {row["_id"]: canonical_payload(row["payload"]) for row in stored}
    assert len(sent) == len(kept) + lake["dead_letters"].count_documents({})
    assert kept.items() <= sent.items()


@pytest.mark.parametrize("number", ["0.123456789012345678", "9" * 38, "-1E-400"])
def test_a_number_without_quotes_keeps_all_its_digits(
    mongo_io_manager: MongoIOManager, lake: Lake, number: str
) -> None:
    """Neither a double nor an int64 holds it exactly, so its text is stored, marked as a number."""
    (item,) = read_envelope(f'{{"data":[{{"priceUsd":{number}}}]}}'.encode()).items or ()

    write(mongo_io_manager, RAW, HOUR, batch(document(payload=item.value)))

    (stored,) = lake["coin_snapshots"].find()
    table = read(mongo_io_manager, RAW, HOUR, pa.Table)
    assert {"$numberDecimal": number} == stored["payload"]["priceUsd"]
    assert f'"priceUsd":{{"$numberDecimal":"{number}"}},' in table["payload"][0].as_py()
