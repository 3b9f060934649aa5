"""Printed progress and results."""

import json
from collections import Counter
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from cryptoassets.backfills.windows import BackfillCost
from cryptoassets.cli.json_output import (
    audit_json,
    estimate_json,
    print_json,
    progress_console,
    retention_json,
    run_json,
)
from cryptoassets.cli.render import (
    ConsoleProgress,
    print_audit,
    print_backfill,
    print_estimate,
    print_rebuild,
    print_requeue,
    progress_on,
)
from cryptoassets.coincap.credits import Budget
from cryptoassets.operations.audit_partitions import Findings
from cryptoassets.operations.backfill import BackfillResult, HistoryCounts, chunk_words
from cryptoassets.operations.backfill_estimate import BackfillEstimate, BackfillRequest
from cryptoassets.operations.rebuild import RebuildResult
from cryptoassets.operations.requeue import RequeueResult
from cryptoassets.operations.runs import Outcome
from cryptoassets.settings import SourceKind
from cryptoassets.upkeep.retention import RetentionResult

NOW = datetime(2026, 3, 8, tzinfo=UTC)


@pytest.fixture
def console() -> Console:
    """A console that prints to a string."""
    return Console(file=StringIO(), width=200, highlight=False)


def printed_lines(console: Console) -> list[str]:
    """Return the lines printed so far."""
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_a_name_in_brackets_is_not_markup(console: Console) -> None:
    """A coin's name or an error may contain [red] or [/], which rich would interpret as markup."""
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
    ] == printed_lines(console)


def test_a_quiet_command_prints_only_warnings_and_failures(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cron mails all output, so a successful command must print nothing."""
    console.quiet = True

    with progress_on(console) as progress:
        progress.done("stores", "up")
        progress.note("a note")
        progress.warn("late")
        progress.fail("broken")
    print_audit(console, "/home", Findings(problems=["one"]))

    assert [] == printed_lines(console)
    printed = capsys.readouterr()
    assert "" == printed.out
    assert ["  ! late", "  ✗ broken", "✗ one"] == printed.err.splitlines()[:3]


def test_with_json_only_the_result_is_on_stdout(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program reads stdout, while a person sees the progress on stderr."""
    outcome = Outcome(materialized={("raw/rates", "2026-11-27-08:00"): 10}, source="simulator")

    with progress_on(progress_console(is_json=True)) as progress:
        progress.done("stores", "up")
    print_json(run_json(outcome))

    printed = capsys.readouterr()
    made = [{"asset": "raw/rates", "partition": "2026-11-27-08:00", "rows": 10}]
    assert made == json.loads(printed.out)["materialized"]
    assert "stores" in printed.err


def test_a_dry_run_prints_costs_or_deletions_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scripts can use these values to decide whether to continue."""
    since, until = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
    budget = Budget(monthly=4000, spent=100, now=until)
    cost = BackfillCost(Counter({(1, 25): 2}), calls=2, credits=50)
    estimate = BackfillEstimate(
        2, cost, "h1", 1, budget, is_number_of_coins_assumed=False, source="coincap"
    )

    print_json(estimate_json(estimate))
    printed = json.loads(capsys.readouterr().out)
    assert (50, 3900) == (printed["credits"], printed["budget"]["left"])

    print_json(retention_json(RetentionResult(since, [], records=3, runs=None), is_dry_run=True))
    assert "2026-03-01T00:00:00+00:00" == json.loads(capsys.readouterr().out)["before"]


def estimate_of(calls: int, source: SourceKind, months: int | None = 1) -> BackfillEstimate:
    """An estimate for one coin; each call costs 25 credits."""
    budget = Budget(monthly=0 if months is None else 4000, spent=0, now=NOW)
    groups = Counter({(calls, 25 * calls): 1}) if calls else Counter[tuple[int, int]]()
    return BackfillEstimate(
        len(groups),
        BackfillCost(groups, calls, credits=25 * calls),
        "h1",
        months,
        budget,
        is_number_of_coins_assumed=False,
        source=source,
    )


@pytest.mark.parametrize(
    ("months", "words"),
    [
        (1, "This fits into this month's credits: 4,000 of 4,000 are left."),
        (3, "This needs the credits of 3 calendar months: 4,000 of 4,000 are left."),
        (None, "Your plan has no limit (COINCAP_MONTHLY_CREDITS=0)."),
    ],
)
def test_a_dry_run_shows_whether_the_months_credits_are_enough(
    console: Console, months: int | None, words: str
) -> None:
    """The number of months is about credits; it must not look like the duration of the backfill."""
    print_estimate(console, estimate_of(2, "coincap", months))

    *_, cost, last = printed_lines(console)
    assert "1 coin, 2 calls, about 50 CoinCap credits (interval h1). Nothing was fetched." == cost
    assert last.startswith(words)


@pytest.mark.parametrize("source", ["simulator", "replay"])
def test_a_dry_run_first_shows_that_our_own_sources_cost_nothing(
    console: Console, source: SourceKind
) -> None:
    """A new user has no key, so a list of credits would look like a bill."""
    print_estimate(console, estimate_of(2, source))

    words = f"The source is a {source}, which costs nothing. At CoinCap, the same calls would cost:"
    assert words == printed_lines(console)[0]


def test_a_dry_run_without_calls_shows_that_nothing_is_missing(console: Console) -> None:
    """A cost of zero credits and zero months would confuse readers."""
    print_estimate(console, estimate_of(0, "simulator"))

    words = "Nothing is missing: a backfill would make no call (interval h1)."
    assert [words] == printed_lines(console)


def test_a_week_that_is_published_but_not_fetched_does_not_look_idle() -> None:
    """`0 points, 0 calls` would look as if nothing had happened for minutes."""
    none, some = HistoryCounts(0, 0, 0), HistoryCounts(7200, 30, 90)

    assert "already done" == chunk_words(0, 0, none)
    assert "fetched before, 7 days published now" == chunk_words(7, 7, none)
    assert "7,200 points, 30 calls, 90 credits, 1 day published" == chunk_words(1, 1, some)


def test_an_audit_without_differences_prints_the_number_of_documents(console: Console) -> None:
    """The number of compared documents, hours and days is printed."""
    print_audit(console, "/home", Findings(counted=["2 hours", "1 day"], documents=1234))

    proof = (
        "✓ 1,234 raw documents in 2 hours, 1 day: each is loaded, quarantined or superseded, "
        "exactly once, and the ledger agrees."
    )
    assert ["Home: /home", proof] == printed_lines(console)


def test_an_audit_names_each_difference_and_the_commands_for_them(console: Console) -> None:
    """The reader learns which command repairs which difference."""
    print_audit(console, "/home", Findings(problems=["one", "two"], notes=["a note"]))

    lines = printed_lines(console)
    assert ["Home: /home", "! a note", "✗ one", "✗ two"] == lines[:4]
    assert "2 differences found" in lines[4]
    assert "cryptoassets rebuild" in " ".join(lines[4:])


def test_what_an_audit_did_not_compare_again_does_not_look_like_a_warning(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """Skipping old comparisons is normal, so `--quiet` hides the line. In JSON, it is a note."""
    found = Findings(counted=["1 day"], notes=["a note"], not_compared=["ids of 5 days"])

    print_audit(console, "/home", found)
    console.quiet = True
    print_audit(console, "/home", found)

    assert ["· ids of 5 days", "! a note"] == printed_lines(console)[1:3]
    assert ["! a note"] == capsys.readouterr().err.splitlines()
    printed = audit_json("/home", found)
    assert ["ids of 5 days", "a note"] == printed["notes"]
    assert {"home", "problems", "notes", "counted", "documents"} == set(printed)


def test_results_show_the_number_of_failures(console: Console) -> None:
    """The exit code only shows that there were failures."""
    print_rebuild(console, RebuildResult(wanted=5, rebuilt=3, expired=1, failures=["a", "b"]))
    print_requeue(console, RequeueResult(partitions=2, released=7, failures=["a"]))
    print_requeue(console, RequeueResult(partitions=0, released=0, failures=[]))

    rebuilt = (
        "3 of 5 partitions rebuilt from raw; expired and skipped: 1; failures: 2. "
        "`cryptoassets audit` checks the result."
    )
    requeued = "7 documents released from 2 partitions; failures: 1."
    assert [rebuilt, requeued] == printed_lines(console)


@pytest.mark.parametrize("gaps_only", [False, True])
def test_a_stopped_backfill_shows_how_to_continue(
    console: Console,
    gaps_only: bool,  # noqa: FBT001 - a case
) -> None:
    """The credits may run out before the span is complete; stored points are kept."""
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

    text = "\n".join(printed_lines(console))
    assert "3 days processed, 2 already done; 7,200 points, 30 calls, 90 credits. 12 s" in text
    assert "not requested again: luna." in text
    healed = "4 open in this range, 1 healed, 2 that the source cannot fill"
    asks = "4 open in this range; `cryptoassets backfill --gaps` fetches them again"
    assert (healed if gaps_only else asks) in text
    assert "Stopped: credits are spent" in text
    assert "2 more, see above" in text
    assert "the same command continues from here" in text
