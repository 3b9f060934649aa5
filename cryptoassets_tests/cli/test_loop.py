"""The totals that `run --every` prints when it ends."""

from cryptoassets.cli.loop import Totals
from cryptoassets.operations.cycle import Cycle
from cryptoassets.operations.runs import Outcome


def test_totals_count_cycles_and_contain_their_latency() -> None:
    """The totals cover all cycles since the loop started."""
    totals = Totals()
    facts = {("raw/coin_snapshots", "2026-03-01-13:00"): {"documents_new": 1000}}
    for seconds in (3.0, 1.0, 2.0):
        totals.add(
            Cycle(Outcome(facts=facts), is_done=True, answer_to_row_seconds=seconds, seconds=5)
        )
    totals.add(Cycle(Outcome()))

    assert (
        "4 cycles, 1 of them failed; 3,000 documents new, 0 rows written. "
        "Answer to row: median 2.0 s, p95 3.0 s."
    ) == totals.words()
    assert 1 == totals.failed_in_a_row


def test_totals_stay_small_in_a_loop_that_runs_for_months() -> None:
    """Only the newest 1,440 latencies are kept; otherwise memory use would grow without bound."""
    totals = Totals()
    for number in range(3_000):
        totals.add(Cycle(Outcome(), is_done=True, answer_to_row_seconds=float(number)))

    assert 1440 == len(totals.answer_to_row)
    assert 2_999 == totals.answer_to_row[-1]
