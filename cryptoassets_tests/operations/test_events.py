"""The description of a materialization, which is computed from its facts."""

import pytest

from cryptoassets.facts import Fact
from cryptoassets.operations.events import describe_materialization


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({Fact.ROWS_WRITTEN: 1}, "1 row written"),
        ({Fact.ROWS_WRITTEN: 1200}, "1,200 rows written"),
        ({Fact.DOCUMENTS_NEW: 1}, "1 document new"),
        (
            {Fact.VALID: 1200, Fact.QUARANTINED: 1, Fact.SUPERSEDED: 0},
            "1,200 valid, 1 quarantined, 0 superseded",
        ),
        ({}, "1 row"),
    ],
)
def test_counts_come_with_their_nouns(facts: dict[Fact, int], words: str) -> None:
    """A materialization without facts is described by its row count."""
    assert words == ", ".join(describe_materialization(facts, rows=1))
