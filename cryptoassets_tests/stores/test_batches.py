"""Reading documents in batches yields the same rows as reading each document alone."""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import NUMBER_KEY, RAW_COIN_HISTORY, RAW_COIN_SNAPSHOTS, Table
from cryptoassets.stores.batches import BatchReader
from cryptoassets.stores.documents import raw_rows
from cryptoassets.stores.layouts import Batch, layout_of
from cryptoassets_tests.io_managers.odd_types import OTHERS, STORED_BY_STANDIN, changed
from cryptoassets_tests.io_managers.rows import HOUR, document, start_of

START = start_of(HOUR)
HOUR_SPAN = Span(START, START + timedelta(hours=1))
RANGE = Span(START, START + timedelta(minutes=30))
ASKED = {START: (2000, False), START + timedelta(milliseconds=1): (7, True)}
OPTIONS = CodecOptions[Any](tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
TABLES = (RAW_COIN_SNAPSHOTS, RAW_COIN_HISTORY)
ODD_VALUES = [
    value for value in [*STORED_BY_STANDIN.values(), *OTHERS.values()] if value is not ...
]
ODD = st.sampled_from(ODD_VALUES)

texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\\", "\x7f", "\x00", "1.5", "Ether €", "𝄞"]
)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans()
scalars = texts | numbers | st.none() | texts.map(lambda text: {NUMBER_KEY: text})
values = st.recursive(
    scalars | ODD,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
payloads = st.fixed_dictionaries(
    {"id": texts, "priceUsd": texts | st.none(), "rank": texts, "tokens": values},
    optional={"time": numbers, 'k"é': scalars, "$ref": texts, "$id": texts},
)
dates = st.sampled_from([*ASKED, RANGE.start - timedelta(microseconds=1000), RANGE.end]) | (
    st.datetimes(timezones=st.just(UTC))
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document of this platform, or one that another program has changed slightly."""
    at = draw(st.sampled_from([*ASKED]))
    raw = document(observed_at=at) | {"payload": draw(payloads), "interval": draw(texts)}
    if draw(st.booleans()):
        raw |= {"observed_at": draw(dates), "fetched_at": draw(dates)}
    for field in draw(st.sets(st.sampled_from([*raw, "other"]), max_size=2)):
        raw = changed(raw, field, draw(ODD | st.just(...)))
    return dict(draw(st.permutations([*raw.items()]))) if draw(st.booleans()) else raw


def of_table(raw_documents: Iterable[dict[str, Any]], table: Table) -> list[bytes]:
    """Documents of a table as BSON, as a server sends them; only history has an interval."""
    kept = (
        raw_documents
        if table is RAW_COIN_HISTORY
        else [changed(one, "interval", ...) for one in raw_documents]
    )
    return [bson.encode({"_id": None} | one) for one in kept]


def read_together(batches: list[bytes], table: Table) -> list[str]:
    """Rows as `BatchReader` reads them."""
    reader = BatchReader(table, RANGE, HOUR_SPAN, ASKED, 100, OPTIONS)
    return sorted(map(repr, reader.rows(batches).to_pylist()))


def read_alone(batches: list[bytes], table: Table) -> list[str]:
    """Rows as `raw_rows` converts them, document by document."""
    found = [one for content in batches for one in bson.decode_all(content, OPTIONS)]
    return sorted(map(repr, raw_rows(found, table, RANGE, HOUR_SPAN, ASKED, 100).to_pylist()))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@given(raw_documents=st.lists(documents(), max_size=12))
@settings(max_examples=60, deadline=None)
def test_documents_yield_the_same_rows_in_a_batch_as_when_read_alone(
    raw_documents: list[dict[str, Any]], table: Table
) -> None:
    """Reasons, prices and checksums must not depend on the other documents of a batch."""
    encoded = of_table(raw_documents, table)
    batches = [b"".join(encoded[:7]), b"".join(encoded[7:])]

    assert read_alone(batches, table) == read_together(batches, table)


ORDINARY = document(payload={"symbol": "BTC", "tokens": {"1": ["0x"]}})


def with_token(value: Any) -> dict[str, Any]:
    """A change that replaces `tokens` in the payload of an ordinary document."""
    return {"payload": ORDINARY["payload"] | {"tokens": value}}


@pytest.mark.parametrize(
    "change",
    [
        *({field: value} for field in ORDINARY for value in [*ODD_VALUES, ...]),
        *(with_token(value) for value in ODD_VALUES),
        *(with_token(holder) for value in ODD_VALUES for holder in ({"1": value}, [value])),
        *({"observed_at": at} for at in (RANGE.start, RANGE.end, HOUR_SPAN.end)),
        {"other": 1},
        {"interval": "h1"},
        {"source": "another"},
        {"payload": ORDINARY["payload"] | {"unknown": "1"}},
        {"payload": dict(reversed(ORDINARY["payload"].items()))},
        {"payload": {}},
    ],
)
def test_an_unusual_document_yields_the_same_row_in_a_batch_as_when_read_alone(
    change: dict[str, Any],
) -> None:
    """Documents with the same keys are read together; an unusual one must not be misread."""
    changed_one = {key: value for key, value in (ORDINARY | change).items() if value is not ...}
    raw_documents = [
        ORDINARY,
        changed_one,
        document("ether", payload={"symbol": "", "tokens": None}),
    ]
    content = b"".join(of_table(raw_documents, RAW_COIN_SNAPSHOTS))

    assert read_alone([content], RAW_COIN_SNAPSHOTS) == read_together([content], RAW_COIN_SNAPSHOTS)


def test_a_payload_that_bson_reads_as_a_reference_is_foreign() -> None:
    """The values of `$ref` and `$id` decide whether BSON reads a document or a reference."""
    raw_documents = [document() | {"payload": {"$ref": name, "$id": 1}} for name in (None, "coins")]
    content = b"".join(of_table(raw_documents, RAW_COIN_SNAPSHOTS))

    assert read_alone([content], RAW_COIN_SNAPSHOTS) == read_together([content], RAW_COIN_SNAPSHOTS)


def test_a_document_with_a_duplicate_field_is_read_as_when_read_alone() -> None:
    """The field's last value is used, and may show that another program wrote the document."""
    content = bson.encode(ORDINARY)
    fields = content[4:-1] + bson.encode({"source": "another"})[4:]
    twice = (len(fields) + 4).to_bytes(4, "little") + fields

    assert read_alone([content + twice], RAW_COIN_SNAPSHOTS) == read_together(
        [content + twice], RAW_COIN_SNAPSHOTS
    )


@pytest.mark.parametrize("lengthened", [b"BTC\x00", b"0x\x00", b"simulator\x00"])
def test_a_text_without_its_terminator_is_refused(lengthened: bytes) -> None:
    """Otherwise the bytes after the string would be read as the next field."""
    content = bson.encode(ORDINARY)
    damaged = content.replace(lengthened, lengthened[:-1] + b"x", 1)

    with pytest.raises(BSONError):
        read_together([content + damaged], RAW_COIN_SNAPSHOTS)


@given(raw_documents=st.lists(payloads, min_size=1, max_size=3), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_document_is_read_or_refused_as_when_read_alone(
    raw_documents: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A wrong length must not make the reader read beyond the document or the batch."""
    encoded = of_table(
        [document() | {"payload": held} for held in raw_documents], RAW_COIN_SNAPSHOTS
    )
    number = data.draw(st.integers(0, len(encoded) - 1))
    damaged = bytearray(encoded[number])
    # The key of `_id` is not damaged, because every document in MongoDB starts with an `_id`.
    places = st.integers(len(b"size\x02_id\x00"), len(damaged) - 1) | st.integers(0, 3)
    place = data.draw(places)
    damaged[place] = data.draw(st.integers(0, 255))
    content = b"".join([*encoded[:number], bytes(damaged), *encoded[number + 1 :]])

    try:
        expected = read_alone([content], RAW_COIN_SNAPSHOTS)
    except BSONError:
        with pytest.raises(BSONError):
            read_together([content], RAW_COIN_SNAPSHOTS)
        return

    assert expected == read_together([content], RAW_COIN_SNAPSHOTS)


def test_documents_of_the_same_response_have_the_same_layout() -> None:
    """Documents with the same layout can be read together, five times as fast as one by one."""
    raw_documents = [document(f"coin-{n}", payload={"priceUsd": n and "1" * n}) for n in range(5)]
    batch = Batch(b"".join(of_table(raw_documents, RAW_COIN_SNAPSHOTS)))
    layout = layout_of(bson.decode(batch.document(0)))

    assert layout is not None
    _, alike = batch.places(batch.numbers, layout)

    assert [0, 1, 2, 3, 4] == alike.tolist()
