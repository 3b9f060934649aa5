"""Messages about documents that are not in exactly one place have counts and a few ids."""

from cryptoassets.transforms.reconciliation import Counts, difference, ledger_differences, stored_id


def test_a_message_names_at_most_three_documents() -> None:
    """`audit` reports a problem in one line, even if it concerns millions of documents."""
    problem = "are nowhere"

    assert "2 are nowhere (a, None)" == difference(2, ["a", None], problem)
    assert "3 are nowhere (a, b, c)" == difference(3, ["a", "b", "c"], problem)
    assert "4 are nowhere (a, b, c, ...)" == difference(4, ["a", "b", "c", "d"], problem)


def test_a_ledger_row_that_is_missing_or_differs_is_reported() -> None:
    """The message about a difference shows the counts of the ledger and of the stores."""
    ledger, actual = Counts(7, 4, 2, 1), Counts(7, 3, 2, 1)

    assert [] == ledger_differences(ledger, ledger, 7)
    assert [] == ledger_differences(None, Counts(0, 0, 0, 0), 0)
    assert ["the ledger has no row for this partition"] == ledger_differences(None, actual, 7)
    (sentence,) = ledger_differences(ledger, actual, 7)
    assert sentence == (
        "the ledger shows 7 raw = 4 loaded + 2 quarantined + 1 superseded; "
        "the stores show 7 raw = 3 loaded + 2 quarantined + 1 superseded"
    )


def test_an_id_that_postgresql_can_index_is_stored_unchanged() -> None:
    """A longer id is shortened; its hash keeps it different from other ids."""
    longest, longer, other = "x" * 600, "x" * 601, "x" * 600 + "y"

    assert longest == stored_id(longest)
    assert "a\\u0000b" == stored_id("a\0b")
    assert {567} == {len(stored_id(longer)), len(stored_id(other))}
    assert stored_id(longer) != stored_id(other)
