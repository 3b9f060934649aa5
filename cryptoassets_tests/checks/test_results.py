"""The result of a check shows a few problems and counts all of them."""

import dagster as dg

from cryptoassets.checks.results import result


def test_five_problems_are_shown_and_all_are_counted() -> None:
    """A page with a hundred problems would be unreadable."""
    checked = result("keys", [f"problem {number}" for number in range(7)])

    assert not checked.passed
    shown = "problem 0; problem 1; problem 2; problem 3; problem 4; and 2 more"
    assert shown == checked.description
    assert dg.AssetCheckSeverity.ERROR == checked.severity


def test_a_passed_check_has_a_description_and_metadata() -> None:
    """Metadata labels are shown without underscores."""
    checked = result("price_moves", [], coins_judged=3)

    assert (checked.passed, checked.description) == (True, "no problems found")
    assert dg.MetadataValue.int(3) == checked.metadata["coins judged"]
