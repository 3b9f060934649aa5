"""Promises of what a person sees of progress and results."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from cryptoassets.cli.render import (
    ConsoleProgress,
    print_audit,
    print_backfill,
    print_rebuild,
    print_requeue,
    progress_on,
)
from cryptoassets.operations.audit_partitions import Findings
from cryptoassets.operations.backfill import BackfillResult, HistoryCounts
from cryptoassets.operations.backfill_estimate import BackfillRequest
from cryptoassets.operations.rebuild import RebuildResult
from cryptoassets.operations.requeue import RequeueResult


@pytest.fixture
def console() -> Console:
    """A console whose text can be read."""
    return Console(file=StringIO(), width=200, highlight=False)


def shown(console: Console) -> list[str]:
    """The lines on it."""
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_a_name_in_brackets_is_text_and_no_markup(console: Console) -> None:
    """The name of a coin, or an error, may contain [red] or [/], which rich would interpret."""
    with progress_on(console) as progress:
        assert isinstance(progress, ConsoleProgress)
        progress.doing("fetching [/odd]")
        progress.note("of [bold]")
        progress.warn("[/] came")
        progress.fail("[red]")
        progress.retry("step[0]", "[/]")
        progress.done("a[b]", "[/c]", 1.25)

    assert [
        *("  of [bold]", "  ! [/] came", "  ✗ [red]", "  ↻ step[0]  [/]"),
        f"  ✓ {'a[b]':<24} [/c]  1.2 s",
    ] == shown(console)


def test_an_audit_without_a_difference_counts_what_it_proves(console: Console) -> None:
    """The number of documents is part of the proof."""
    print_audit(console, "/home", Findings(counted=["2 hours", "1 day"], documents=1234))

    proof = (
        "✓ 1,234 raw documents in 2 hours and 1 day: each is loaded, quarantined or superseded, "
        "exactly once, and the ledger agrees."
    )
    assert ["Home: /home", proof] == shown(console)


def test_an_audit_names_each_difference_and_the_commands_for_them(console: Console) -> None:
    """The reader learns which command repairs which difference."""
    print_audit(console, "/home", Findings(problems=["one", "two"], notes=["a note"]))

    lines = shown(console)
    assert ["Home: /home", "! a note", "✗ one", "✗ two"] == lines[:4]
    assert "2 things do not add up" in lines[4]
    assert "cryptoassets rebuild" in " ".join(lines[4:])


def test_results_name_their_failures(console: Console) -> None:
    """The exit code alone does not show how many things failed."""
    print_rebuild(console, RebuildResult(wanted=5, rebuilt=3, expired=1, failures=["a", "b"]))
    print_requeue(console, RequeueResult(partitions=2, released=7, failures=["a"]))
    print_requeue(console, RequeueResult(partitions=0, released=0, failures=[]))

    rebuilt = (
        "3 of 5 partitions made again from raw; 1 have expired and are passed over; "
        "2 things failed. Proof: cryptoassets audit"
    )
    requeued = "7 documents released from 2 partitions; 1 things failed."
    assert [rebuilt, requeued] == shown(console)


@pytest.mark.parametrize("gaps_only", [False, True])
def test_a_stopped_backfill_shows_how_to_continue(
    console: Console,
    gaps_only: bool,  # noqa: FBT001 - a case
) -> None:
    """The credits may be spent before the span is complete; stored points are kept."""
    since, until = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
    result = BackfillResult(
        asked=BackfillRequest(since, until, gaps_only),
        interval="h1",
        days_processed=3,
        days_done_before=2,
        new=HistoryCounts(7200, 30, 90),
        coins_without_history=["luna"],
        gaps_open=4,
        gaps_healed=1,
        gaps_unfillable=2,
        stopped="credits are spent",
        failures=[f"failure {number}" for number in range(7)],
        seconds=12.3,
    )

    print_backfill(console, result)

    text = "\n".join(shown(console))
    assert "3 days processed, 2 done before; 7,200 points, 30 calls, 90 credits. 12 s" in text
    assert "not asked again: luna." in text
    healed = "4 open in this stretch, 1 healed, 2 that the source cannot fill"
    asks = "4 open in this stretch; `cryptoassets backfill --gaps` fetches them again"
    assert (healed if gaps_only else asks) in text
    assert "Stopped: credits are spent" in text
    assert "2 things more" in text
    assert "the same command goes on from here" in text
