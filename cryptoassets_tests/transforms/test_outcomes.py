"""The columns and ids of published rows; `test_prices` tests which outcome each row has."""

import hashlib

import pytest

from cryptoassets.schemas import COIN_PRICES, SNAPSHOT_FLOW
from cryptoassets.transforms.outcomes import publication
from cryptoassets.transforms.prices import judge_prices
from cryptoassets_tests.transforms.snapshots import raw_row, raw_table
from cryptoassets_tests.transforms.test_prices import ROWS


def test_a_publication_has_payloads_only_for_quarantined_rows() -> None:
    """The other payloads are in the data lake; PostgreSQL does not need them."""
    published = publication(judge_prices(raw_table(ROWS)), SNAPSHOT_FLOW)

    rows = published.to_pylist()

    names = [*COIN_PRICES.column_names, "outcome", "reasons", "payload"]
    assert names == published.column_names
    with_payload = {row["raw_id"] for row in rows if row["payload"] is not None}
    quarantined = {row["raw_id"] for row in rows if row["outcome"] == "quarantined"}
    assert quarantined - with_payload == {"foreign-2@6"}
    assert with_payload <= quarantined
    assert len(ROWS) == len(rows)


def shortened(raw_id: str) -> str:
    """Return the stored form of a long id."""
    return f"{raw_id[:500]}...{hashlib.sha256(raw_id.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("raw_id", "stored"),
    [
        ("bitcoin@1", "bitcoin@1"),
        ("a\x00b", "a\\u0000b"),
        ("é" * 600, "é" * 600),
        ("é" * 601, shortened("é" * 601)),
        ("\x00" * 101, shortened("\\u0000" * 101)),
    ],
    ids=["ordinary", "NUL", "600", "601", "many NUL"],
)
def test_an_id_is_published_in_a_form_that_postgres_can_index(raw_id: str, stored: str) -> None:
    """The published id contains no NUL, is short enough, and is still unique."""
    judged = judge_prices(raw_table([raw_row("bitcoin", 0, raw_id=raw_id)]))

    assert [stored] == publication(judged, SNAPSHOT_FLOW)["raw_id"].to_pylist()
