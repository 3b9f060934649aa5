"""Each document of any page becomes one row with known reasons and one outcome."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.transforms.contract import conservation_problems, key_problems
from cryptoassets.transforms.history import judge_history
from cryptoassets.transforms.prices import judge_prices
from cryptoassets.transforms.rules import REASONS
from cryptoassets_tests.transforms.pages import at_snapshot, points, snapshots
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT, Row, raw_table


def assert_judged_completely(rows: pa.Table, flow: Flow) -> None:
    """Assert that every row is judged, and that the result may be published."""
    judge = judge_prices if flow is SNAPSHOT_FLOW else judge_history
    judged: pa.Table = judge(rows)

    unchanged = ("raw_id", "coin_id", "observed_at", "fetched_at", "payload")
    for name in unchanged:
        assert rows[name].to_pylist() == judged[name].to_pylist()
    assert [] == conservation_problems(judged) + key_problems(judged, flow.published.key)
    for row in judged.to_pylist():
        assert sorted({*row["reasons"]}) == row["reasons"]
        assert REASONS.keys() >= {*row["reasons"]}
        needed = [row[c.name] for c in flow.published.columns if not c.is_nullable]
        assert row["outcome"] == "quarantined" or None not in needed


@settings(NO_TIME_LIMIT, max_examples=50)
@given(st.lists(snapshots(), max_size=3))
def test_every_document_of_any_snapshot_is_judged(pages: list[list[Row]]) -> None:
    """The documents include bad values, repetitions, contradictions and foreign documents."""
    rows = [row for number, page in enumerate(pages) for row in at_snapshot(page, number)]

    assert_judged_completely(raw_table(rows), SNAPSHOT_FLOW)


@settings(NO_TIME_LIMIT, max_examples=50)
@given(points())
def test_every_document_of_any_history_is_judged(rows: list[Row]) -> None:
    """The documents include bad values, dates, times and intervals."""
    assert_judged_completely(raw_table(rows, HISTORY_FLOW.raw), HISTORY_FLOW)
