"""Promises of any page whatever: each document once, with known reasons and one outcome."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.transforms.contract import conservation_problems, key_problems
from cryptoassets.transforms.history import judge_history
from cryptoassets.transforms.prices import judge_prices
from cryptoassets.transforms.rules import REASONS
from cryptoassets_tests.transforms.pages import at_snapshot, points, snapshots
from cryptoassets_tests.transforms.snapshots import PATIENT, Row, raw_table


def assert_kept(rows: list[Row], flow: Flow) -> None:
    """The promises that a publication relies on."""
    judge = judge_prices if flow is SNAPSHOT_FLOW else judge_history
    judged: pa.Table = judge(raw_table(rows, flow.raw))

    handed_on = ("raw_id", "coin_id", "observed_at", "fetched_at", "payload")
    for name in handed_on:
        assert [row[name] for row in rows] == judged[name].to_pylist()
    assert [] == conservation_problems(judged) + key_problems(judged, flow.published.key)
    for row in judged.to_pylist():
        assert sorted({*row["reasons"]}) == row["reasons"]
        assert REASONS.keys() >= {*row["reasons"]}
        needed = [row[c.name] for c in flow.published.columns if not c.is_nullable]
        assert row["outcome"] == "quarantined" or None not in needed


@settings(PATIENT, max_examples=50)
@given(st.lists(snapshots(), max_size=3))
def test_any_snapshot_is_judged_to_the_last_document(pages: list[list[Row]]) -> None:
    """Odd values, second answers, contradictions, foreign documents, in one table."""
    rows = [row for number, page in enumerate(pages) for row in at_snapshot(page, number)]

    assert_kept(rows, SNAPSHOT_FLOW)


@settings(PATIENT, max_examples=50)
@given(points())
def test_any_history_is_judged_to_the_last_document(rows: list[Row]) -> None:
    """Odd values, dates, times and intervals."""
    assert_kept(rows, HISTORY_FLOW)
