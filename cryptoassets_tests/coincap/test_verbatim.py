"""JSON is read without loss; values that cannot be represented get a reason code."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoassets.coincap.lossless import bson_bytes
from cryptoassets.coincap.verbatim import Envelope, UnreadableError, read_envelope

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# Keys with a special meaning in a store. They are excluded here, because Hypothesis also generates
# constants that it finds in the code; the table below tests these keys.
RESERVED_KEYS = {"id", "$date", "$numberDecimal", "__neosqlite_binary__", "__neosqlite_objectid__"}
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
    lambda key: key not in RESERVED_KEYS
)
JSON = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda children: st.lists(children) | st.dictionaries(KEYS, children),
    max_leaves=20,
)
COINS = st.dictionaries(KEYS, JSON)


def envelope_of(coin_text: str) -> Envelope:
    """Read an envelope that contains one coin."""
    return read_envelope(f'{{"timestamp":1,"data":[{coin_text}]}}'.encode())


def fault_of(coin_text: str) -> str | None:
    """Return the reason code of the only coin."""
    (item,) = envelope_of(coin_text).items or ()
    return item.fault


@given(coins=st.lists(COINS, max_size=3), is_ascii=st.booleans())
@settings(max_examples=30, deadline=None)
def test_every_storable_coin_is_read_unchanged(coins: list[Any], is_ascii: bool) -> None:  # noqa: FBT001
    """Raw documents are verbatim: the type, digits and spelling of each value are kept."""
    text = json.dumps({"timestamp": 5, "data": coins}, ensure_ascii=is_ascii)

    envelope = read_envelope(text.encode())

    assert envelope.items is not None
    assert coins == [item.value for item in envelope.items]
    assert repr(coins) == repr([item.value for item in envelope.items])
    assert {"timestamp": 5} == envelope.members


@pytest.mark.parametrize(
    ("coin", "reason"),
    [
        ('{"id":"a","id":"b"}', "duplicate_keys"),
        ('{"id":"a","x":{"k":1,"k":1}}', "duplicate_keys"),
        ('{"id":"a","priceUsd":NaN}', "not_json"),
        ('{"id":"a","priceUsd":-Infinity}', "not_json"),
        ('{"id":"a","supply":' + "9" * 401 + "}", "number_not_representable"),
        ('{"id":"a","supply":' + "9" * 5000 + "}", "number_not_representable"),
        ('{"id":"a","priceUsd":0.' + "1" * 399 + "}", "number_not_representable"),
        ('{"id":"a","x":{"$numberDecimal":"1"}}', "changed_by_store"),
        (r'{"id":"a","name":"\ud800"}', "bad_text"),
        (r'{"id":"\udfff"}', "bad_text"),
        (r'{"id":"a","\ud800":1}', "bad_text"),
        (r'{"id":"a","k\u0000":1}', "bad_key"),
        ('{"id":"a","x":{"id":false}}', "changed_by_store"),
        ('{"id":"a","x":[{"id":-0.0}]}', "changed_by_store"),
        ('{"id":"a","x":{"$date":5}}', "changed_by_store"),
        ('{"id":"a","x":{"__neosqlite_objectid__":true,"id":"0"}}', "changed_by_store"),
        ('{"id":"a","x":{"__neosqlite_binary__":true,"data":""}}', "changed_by_store"),
        ('{"id":"a","x":' + "[" * 91 + "]" * 91 + "}", "too_deep"),
        ('{"id":"]","x":' + '{"k":[' * 5_000 + "]}" * 5_000 + "}", "too_deep"),
        ('{"id":"' + "a" * 15 * 1024 * 1024 + '"}', "too_large"),
        ("[]", "not_an_object"),
        ('"bitcoin"', "not_an_object"),
        ("null", "not_an_object"),
    ],
)
def test_a_value_that_a_store_would_change_gets_a_reason_code(coin: str, reason: str) -> None:
    """Without the code, BSON or a double would change the value silently."""
    assert reason == fault_of(coin)


@pytest.mark.parametrize(
    "coin",
    [
        '{"id":"a","supply":9223372036854775807}',
        '{"id":"a","priceUsd":0.1}',
        '{"id":"a","x":[{"id":0},{"id":true},{"id":null},{"x":false}]}',
        '{"id":"a","priceUsd":1.50}',
        '{"id":"a","priceUsd":0e-99999999999999999999}',
        r'{"id":"a\u0000b"}',
        '{"id":"' + "a" * 10_000 + '"}',
        '{"id":"😀","name":"\u202e\u05e9\u05dc"}',
        '{"id":"a","$where":1,"a.b":2,"":3}',
        '{"id":"a","x":' + "[" * 80 + "]" * 80 + "}",
        '{"id":"a","priceUsd":"1e-400"}',
    ],
)
def test_unusual_values_that_can_be_stored_are_kept(coin: str) -> None:
    """Values are not judged when they are read, but later by the rules."""
    assert fault_of(coin) is None


@pytest.mark.parametrize(
    "number",
    [
        *("0.123456789012345678", "-0.1234567890123456789", "549063278876301.940000000000000001"),
        *("9223372036854775808", "-9223372036854775809", "9" * 400),
        *("1e400", "1e-400", "1E-99999999999999999999", "-87711.199999999997089617"),
    ],
)
def test_a_number_that_bson_cannot_represent_is_kept_as_text(number: str) -> None:
    """If a source sends numbers without quotes, neither digits nor coins may be lost."""
    (item,) = envelope_of(f'{{"id":"a","x":[{number}],"name":"{{"}}').items or ()

    assert {"id": "a", "x": [{"$numberDecimal": number}], "name": "{"} == item.value


@pytest.mark.parametrize(
    "broken", ['{"id":"b","p":NaN}', '{"id":"]}\\"","x":' + "[" * 10_000 + "]" * 10_000 + "}", "7"]
)
def test_one_broken_coin_does_not_affect_the_others(broken: str) -> None:
    """The page's other coins are read, whatever nesting this Python version can parse."""
    envelope = envelope_of(f'{{"id":"a"}}, {broken} ,{{"id":"c"}}')

    assert envelope.items is not None
    assert [True, False, True] == [item.fault is None for item in envelope.items]
    assert broken == envelope.items[1].text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"data":[{"id":"a"}', "not_json"),
        (b'{"data":[{"id":"a"},]}', "not_json"),
        (b'{"data":[] "timestamp":1}', "not_json"),
        (b'{"data":[]} {"data":[]}', "not_json"),
        (b"{data:[]}", "not_json"),
        (b'{"data" []}', "not_json"),
        (b"<!DOCTYPE html><html></html>", "html"),
        (b' \n<html lang="en">', "html"),
        (b'{"data":[{"id":"\xff"}]}', "bad_utf8"),
        (b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b',"data":[]}', "too_deep"),
        (b'{"x":' + b"[" * 200 + b"]" * 200 + b',"data":[]}', "too_deep"),
        (b'{"data":[{"x":' + b"[" * 10_000 + b"}]}", "not_json"),
        (b"[1,2]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"data":[],"data":[]}', "duplicate_keys"),
        (b'{"data":[],"data":1}', "duplicate_keys"),
        (b'{"timestamp":1,"timestamp":2,"data":[]}', "duplicate_keys"),
    ],
)
def test_unreadable_bodies_have_a_reason_code(body: bytes, reason: str) -> None:
    """The code is stored in the dead letter of the unreadable body."""
    with pytest.raises(UnreadableError) as caught:
        read_envelope(body)

    assert reason == caught.value.reason


def test_a_byte_order_mark_is_skipped() -> None:
    """Some gateways add a byte order mark to a valid response."""
    assert () == read_envelope(b'\xef\xbb\xbf{"data":[]}').items


def test_data_that_is_not_a_list_has_no_items() -> None:
    """v2 announced its deprecation with an object in `data`."""
    assert read_envelope(b'{"data":{"message":"deprecated"}}').items is None


@given(body=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_unreadable_error_is_the_only_error_that_a_body_can_raise(body: bytes) -> None:
    """Callers handle only `UnreadableError`, not the parser's own errors."""
    with suppress(UnreadableError):
        read_envelope(body)


@given(value=COINS)
@settings(max_examples=30, deadline=None)
def test_the_size_in_bson_is_never_underestimated(value: dict[str, Any]) -> None:
    """A document above 16 MiB makes the whole insert fail."""
    bson = pytest.importorskip("bson")

    assert len(bson.encode(value)) <= bson_bytes(value)
