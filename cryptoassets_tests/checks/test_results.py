"""Promise: each check says what, how many, and shows a few."""

import dagster as dg

from cryptoassets.checks.results import result


def test_five_problems_are_shown_and_all_are_counted() -> None:
    """A hundred would drown the page."""
    told = result("keys", [f"problem {number}" for number in range(7)])

    assert not told.passed
    assert "problem 0; problem 1; problem 2; problem 3; problem 4; and 2 more" == told.description
    assert dg.AssetCheckSeverity.ERROR == told.severity


def test_what_holds_is_said_too() -> None:
    """With its facts, labelled as people read them."""
    told = result("price_moves", [], coins_judged=3)

    assert (told.passed, told.description) == (True, "holds")
    assert dg.MetadataValue.int(3) == told.metadata["coins judged"]
