"""A cycle's summary, which is computed from the facts of its materializations."""

from cryptoassets.operations.cycle import Cycle
from cryptoassets.operations.runs import Outcome

RAW, PRICES = "raw/coin_snapshots", "warehouse/coin_prices"


def test_documents_and_rows_are_summed_over_the_hours_of_a_cycle() -> None:
    """A response at the end of an hour may contain documents of two hours."""
    facts = {
        (RAW, "2026-03-01-13:00"): {"documents_new": 40},
        (RAW, "2026-03-01-14:00"): {"documents_new": 60},
        (PRICES, "2026-03-01-14:00"): {"rows_written": 99},
    }
    cycle = Cycle(Outcome(facts=facts), is_done=True, answer_to_row_seconds=1.26, seconds=4.04)

    words = list(cycle.words())

    assert (100, 99) == (cycle.documents, cycle.rows)
    assert ["100 documents new", "99 rows written", "answer to row 1.3 s", "cycle 4.0 s"] == words


def test_a_skipped_fetch_is_explained_instead_of_counted() -> None:
    """Without the reason, a loop that waits for credits would look broken."""
    facts = {(RAW, "2026-03-01-13:00"): {"skipped": "credits", "next_fetch_at": "15:00"}}

    words = list(Cycle(Outcome(facts=facts, failures=["a failure"]), seconds=0.2).words())

    assert [
        *("skipped: credits", "next fetch at 15:00"),
        *("checks 0 passed, 0 warned, 1 failed", "cycle 0.2 s"),
    ] == words
