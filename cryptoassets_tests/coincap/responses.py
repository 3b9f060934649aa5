"""Hypothesis strategies for the bytes of a response: correct, unusual or damaged.

What goes here: response bodies. What stays out: how they must be treated (in `test_any_response`).
"""

import json
from datetime import UTC, datetime

from hypothesis import strategies as st

from cryptoassets_tests.transforms.pages import DATES
from cryptoassets_tests.transforms.snapshots import ABSENT, GOOD_COIN

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1000

_NUMBERS = (
    st.integers().map(str)
    | st.floats().map(json.dumps)
    | st.sampled_from(
        ["-0", "0e0", "1E400", "1e-400", "9" * 401, "01", "1.", "-", "0x10", "5e-324"]
    )
    | st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
_TEXTS = (
    st.text(max_size=8).map(json.dumps)
    | st.text(st.characters(codec="utf-8"), max_size=8).map(
        lambda s: json.dumps(s, ensure_ascii=False)
    )
    | _NUMBERS.map(lambda number: f'"{number}"')
    | st.sampled_from([r'"\ud800"', r'"\u0000"', '"\\"', '"\t"', '"', r'"\u12"', '"bitcoin"', '""'])
)
_SCALARS = _TEXTS | _NUMBERS | st.sampled_from(["null", "true", "nul", "NaN", "-Infinity", ""])
_KEYS = st.sampled_from(
    ["a", "", "id", "a.b", "$d", r"\u0000", "$date", "$numberDecimal", "__proto__", "é"]
).map(lambda key: f'"{key}"')


def _nested(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(_KEYS, children).map(":".join)
    return st.lists(children, max_size=3).map(lambda parts: f"[{','.join(parts)}]") | st.lists(
        members, max_size=3
    ).map(lambda parts: f"{{{','.join(parts)}}}")


VALUES = st.recursive(_SCALARS, _nested, max_leaves=5) | st.integers(80, 120).map(
    lambda depth: "[" * depth + "]" * depth
)
"""Texts of JSON values; some are invalid JSON."""

_COIN = {"id": "bitcoin"} | {name: text for name, text in GOOD_COIN.items() if text is not ABSENT}
_POINT = {"priceUsd": "1.5", "time": NOW_MS, "date": "2026-11-22T09:30:00.000Z"}
_FIELDS = {True: _COIN, False: _POINT | {"circulatingSupply": "10"}}


@st.composite
def bodies(draw: st.DrawFn, *, is_snapshot: bool) -> bytes:
    """Return a response body with up to four coins or history points."""
    elements = draw(st.lists(_elements(is_snapshot=is_snapshot), max_size=4))
    stamp = str(NOW_MS) if draw(st.integers(0, 5)) else draw(VALUES)
    members = [f'"timestamp":{stamp}', f'"data":[{",".join(elements)}]']
    members += draw(st.lists(st.tuples(_KEYS, VALUES).map(":".join), max_size=1))
    body = f"{{{','.join(draw(st.permutations(members)))}}}".encode(errors="surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.sampled_from([0, 1, 1, 2, 10, 10_000]))
        body = body[:start] + draw(st.binary(max_size=3) | st.sampled_from(_SIGNS)) + body[end:]
    return body


_SIGNS = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"<"]


@st.composite
def _elements(draw: st.DrawFn, *, is_snapshot: bool) -> str:
    if not draw(st.integers(0, 5)):
        return draw(VALUES)
    members = {f'"{name}"': json.dumps(held) for name, held in _FIELDS[is_snapshot].items()}
    names = st.sampled_from([*members]) | _KEYS
    members |= draw(st.dictionaries(names, VALUES, max_size=2))
    if not is_snapshot and draw(st.booleans()):
        members['"date"'] = json.dumps(draw(st.sampled_from([d for d in DATES if d is not ABSENT])))
    pairs = [f"{name}:{text}" for name, text in members.items()]
    return f"{{{','.join(pairs)}}}"
