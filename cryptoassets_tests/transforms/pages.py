"""Hypothesis strategies that draw raw rows with every kind of bad value.

What goes here: raw rows of snapshots and of history. What stays out: the expected results.
"""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.coincap.lossless import ExactNumber
from cryptoassets_tests.transforms import test_history as history
from cryptoassets_tests.transforms import test_numbers as numbers
from cryptoassets_tests.transforms import test_rules as rules
from cryptoassets_tests.transforms.snapshots import ABSENT, GOOD_COIN, Row, instant, raw_row

EXACT = ["0", "1e-18", "0.000000000000000001", "1e19", "0.1", "1.5", "99999999999999999999"]
AMOUNTS = st.sampled_from(EXACT) | st.decimals(0, 10**6, places=6).map("{:f}".format)
ODD_TEXTS = st.sampled_from(
    [
        *(text for text in numbers.VERDICTS if text is not None),
        *("', DROP TABLE coins; --", '{"$ne": null}', "\u202e", "🚀" * 20, "x" * 10_000),
        *(
            " 7 ",
            "+7",
            "7\t",
            "\x1f7",
            "\x7f7\x80",
            "007",
            "2147483647",
            "2147483648",
            "-2147483648",
        ),
        *("\u0662", "\xa07", "1\u2003", "9223372036854775808", "\u06f3.5", "a\nb", "\n", "\u2028"),
        *("-2147483648", "-2147483649", "1\x00", "0" * 30 + "7"),
    ]
)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
LOSSLESS_NUMBERS = numbers.NUMBERS.filter(lambda text: text[-1] in "0123456789").map(ExactNumber)
ODD_VALUES = (
    ODD_TEXTS
    | numbers.NUMBERS
    | DOUBLES.map(repr)
    | st.sampled_from([value for _, value, _ in rules.FAULTS])
    | st.sampled_from([value for _, value, _, _ in rules.GOOD_VALUES])
    | st.integers(-(2**63), 2**63 - 1)
    | DOUBLES
    | LOSSLESS_NUMBERS
    | st.lists(LOSSLESS_NUMBERS | st.none(), max_size=2)
    | st.dictionaries(
        st.sampled_from(["a", "b.c", "$d", "\u00e9"]), LOSSLESS_NUMBERS | ODD_TEXTS, max_size=2
    )
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
SLUGS = ["bitcoin", "Bitcoin", "ripple", "a.b_c-d", "-a", "", "a" * 200, "a" * 201, "é", "x\n"]


@st.composite
def coins(draw: st.DrawFn) -> dict[str, Any]:
    """Draw changes to a valid coin.

    Sometimes amounts are near the limits of the consistency rules; sometimes values are unusual.
    """
    changes: dict[str, Any] = {}
    if draw(st.booleans()):
        price, supply = Decimal(draw(AMOUNTS)), Decimal(draw(AMOUNTS))
        error = draw(st.sampled_from(["0", "1e-6", "1.00001e-6", "0.99999e-6", "-1.1e-6", "1"]))
        above = draw(st.sampled_from(["0", "1e-9", "1.001e-9", "0.999e-9", "-1e-9", "-0.5"]))
        changes |= {
            "priceUsd": f"{price:f}",
            "supply": f"{supply:f}",
            "marketCapUsd": f"{price * supply * (1 + Decimal(error)):.18f}",
            "maxSupply": f"{supply / (1 + Decimal(above)):.18f}",
        }
    fields = st.sampled_from([*GOOD_COIN, "id"])
    return changes | draw(st.dictionaries(fields, ODD_VALUES, max_size=2))


@st.composite
def snapshots(draw: st.DrawFn) -> list[Row]:
    """Draw rows of snapshot 0; `at_snapshot` moves them to another snapshot."""
    common = {
        "coins_asked": draw(st.integers(0, 12)),
        "is_repeated": draw(st.sampled_from([False] * 9 + [True])),
    }
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(SLUGS) | st.sampled_from(["bitcoin", "ripple"]),
                st.integers(1, 3),
                st.sampled_from(["good", "good", "odd", "odd", "foreign", "twice"]),
                coins(),
            ),
            min_size=1,
            max_size=8,
        )
    )
    rows: list[Row] = []
    for place, (slug, seconds, kind, coin) in enumerate(drawn):
        changes: Row = dict(common)
        if kind == "foreign":
            changes |= {"coin_id": None, "fetched_at": None, "source": None, "is_foreign": True}
        changes["coin"] = coin if kind in ("odd", "foreign") else {}
        row = raw_row(slug, 0, **changes)
        row["raw_id"] = f"{7 - place if kind == 'twice' else place}{slug}"
        if kind != "foreign":
            row["fetched_at"] = instant(0) + timedelta(seconds=seconds)
        rows.append(row)
    return rows


def at_snapshot(rows: list[Row], number: int) -> list[Row]:
    """Move rows to the snapshot with this number, and give them unique ids."""
    return [
        row
        | {
            "raw_id": f"{number}@{row['raw_id']}@{place}",
            "observed_at": instant(number),
            "fetched_at": row["fetched_at"] and row["fetched_at"] + timedelta(milliseconds=number),
        }
        for place, row in enumerate(rows)
    ]


DATES = [
    *(ABSENT, None, "yesterday", "", 0, True, "2026-11-22", "2026-11-22T09:00:00Z", "2026"),
    *("2026-11-22 09:00:00", "2026-11-22T9:0:0.0Z", "2026-11-22T10:00:00+01:00", "2026-11"),
    *("2026-11-22T09:00:00.000999Z", "2026-11-22T09:00:00.0009999999Z", " 2026-11-22T09:00Z "),
    *("2026-11-22T09", "2026-11-22T09Z", "2026-11-22T09:00:00.", "2026-11-22T09:00:00.Z"),
    *("20261122T090000Z", "2026-W47-7T09:00", "2026-11-22t09:00:00Z", "2026-11-22T09:00:00z"),
    *("2026-11-22T", "2026-11-22 ", "2026-11-22T03:30:00-5:30", "2026-11-22T09:00:00 UTC"),
    *("2026-11-22T09:00:00GMT", "-2026-11-22T09:00:00Z", "+2026-11-22T09:00:00Z", "2026-13-01"),
    *("2026-11-31", "2026-11-22T24:00:00Z", "2026-11-22T09:60:00Z", "02026-11-22T09:00:00Z"),
    *("2026-11-22T09:00:00+19:00", "2026-11-22T09:00:00,000Z", "2026-11-22T09:00:00.-1Z"),
    *("2026-11-22T09:00:00+", "2026-11-22T09:00:00+1:00:00", "2026-11-22T09:00:00+0100"),
    *("2026-11-22Z", "2026-11-22+01:00", "99999999", "2026-11-22T09:00:00.123456789Z", "1e5"),
    *("2026-11-22T0900", "२०२६-11-22", "2026-11-22\n", "2026-11-22T09:00:00Z\x00", "2026-00-10"),
]
TIMES = ["1795338000000", " 1795338000000", "+1795338000000", "1795338000000.0", 1795338000000.0]


@st.composite
def points(draw: st.DrawFn) -> list[Row]:
    """Draw rows of history; several rows may be for the same point."""
    rows: list[Row] = []
    for place in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["good", "odd", "odd", "foreign"]))
        minutes = draw(st.sampled_from([0, 0, 0, 1, 5, 60, 720]))
        changes: Row = {
            "interval": draw(st.sampled_from(["h1", "h1", "h1", "m1", "d1", "h3", "", "H1"])),
            "observed_at": history.T0
            + timedelta(minutes=minutes, microseconds=draw(st.sampled_from([0, 0, 1, 1000]))),
            "coin_id": draw(st.sampled_from(["bitcoin", "bitcoin", *SLUGS])),
            "fetched_at": history.T0 + timedelta(days=1, seconds=draw(st.integers(0, 2))),
        }
        point: dict[str, Any] = {}
        if kind == "odd":
            fields = st.sampled_from(["priceUsd", "circulatingSupply", "time", "other"])
            point = draw(st.dictionaries(fields, ODD_VALUES, max_size=2))
            if draw(st.booleans()):
                point["date"] = draw(st.sampled_from(DATES))
            if draw(st.booleans()):
                point["time"] = draw(st.sampled_from(TIMES))
        row = history.raw_row(str(place), **changes, point=point)
        row["payload"] = canonical_payload(as_value(row["payload"]))
        if kind == "foreign":
            row |= {"fetched_at": None, "source": None, "is_foreign": True, "coin_id": None}
            row |= {"interval": None}
        rows.append(row)
    return rows


def as_value(payload: str) -> Any:
    """Parse the JSON text of a payload."""
    return json.loads(payload)
