"""Decides which signals need attention: the conditions that alerts report, and their texts.

What goes here: a pure function from signals to conditions. What stays out: reading the signals (in
`signals`), which conditions are new (in `alert_book`), the layout of a message (in `messages`).
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptoassets.monitoring.check_results import CheckStatus
from cryptoassets.monitoring.credits import CreditStatus
from cryptoassets.monitoring.disk import DiskSpace
from cryptoassets.monitoring.failed_runs import FETCH_JOBS
from cryptoassets.monitoring.last_runs import LastRun
from cryptoassets.monitoring.signals import Signals
from cryptoassets.monitoring.warehouse import NewestRow, OpenGaps
from cryptoassets.schemas.flows.snapshots import FRESH_WITHIN
from cryptoassets.schemas.monitoring import AlertKind

MIN_FREE_SHARE = 0.10
"""`low_disk` starts when less than this share of the disk with CRYPTOASSETS_HOME is free."""
CLEARING_FREE_SHARE = 0.12
"""`low_disk` clears at this share. With a single limit, the temporary files of runs could start and
clear the alert all day."""

_MAX_RUNS_PER_JOB = 5
"""If every run of a job fails, alerts for the first failures are enough."""
_INTERRUPTED = "DagsterExecutionInterruptedError"
_RUN_REMEDIES = {
    **dict.fromkeys(("ingest", "process", "marts"), "cryptoassets run"),
    "history": "cryptoassets backfill --from DAY, which resumes where it was interrupted",
    "rates": "cryptoassets run",
    "retention": "cryptoassets retention",
}


@dataclass(frozen=True)
class Condition:
    """Something that needs attention.

    Attributes:
        subject: what the condition concerns; kind and subject together identify it.
        since: when the condition began, as far as known.
        what: what is wrong, in one sentence without a full stop.
        where: the partition, job, asset, table or folder.
        remedy: what to do: a command or an action.
        run_id: the run that failed, or that evaluated the failed check.
    """

    kind: AlertKind
    subject: str
    severity: Literal["error", "warning"]
    since: datetime
    what: str
    where: str
    remedy: str
    run_id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Kind and subject, which identify the condition."""
        return self.kind, self.subject


def conditions(signals: Signals, open_keys: Collection[tuple[str, str]] = ()) -> list[Condition]:
    """Return the conditions that hold.

    Args:
        signals: the state of the platform.
        open_keys: kind and subject of each condition that held at the last evaluation.
    """
    now = datetime.now(UTC)
    is_disk_open = ("low_disk", signals.disk.folder) in open_keys
    return [
        *_failed_runs(signals.failed_runs),
        *(
            _failed_check(check)
            for check in signals.checks
            if not (check.passed or check.is_replay)
        ),
        *_stale_price(signals.price, signals.source),
        *_open_gap(signals.gaps, signals.interval),
        *_low_credits(signals.credits, now),
        *_low_disk(signals.disk, now, is_open=is_disk_open),
    ]


def _failed_runs(runs: Collection[LastRun]) -> Iterator[Condition]:
    """Return one condition per failed run, at most `_MAX_RUNS_PER_JOB` per job."""
    reported: Counter[str] = Counter()
    for run in runs:
        if _needs_attention(run) and reported[run.job] < _MAX_RUNS_PER_JOB:
            reported[run.job] += 1
            yield _failed_run(run)


def _needs_attention(run: LastRun) -> bool:
    """Return whether to report a run as failed.

    Runs interrupted with Ctrl-C are not reported. Failed checks are reported separately.
    """
    is_interrupted = _INTERRUPTED in (run.error or "")
    return run.is_failure and not (run.is_failed_check or is_interrupted)


def _failed_run(run: LastRun) -> Condition:
    verb = "was killed" if run.outcome == "killed" else "failed"
    remedy = _RUN_REMEDIES.get(run.job, "open the run in Dagster, and launch it again")
    has_partition = run.partition and run.job not in FETCH_JOBS
    return Condition(
        kind="failed_run",
        subject=f"{run.job} {run.partition}" if has_partition else run.job,
        severity="error",
        since=datetime.fromisoformat(run.ended_at),
        what=f"The job {run.job} {verb}: {run.error or 'no error was recorded'}",
        where=f"partition {run.partition}" if run.partition else f"job {run.job}",
        remedy=remedy,
        run_id=run.run_id,
    )


def _failed_check(check: CheckStatus) -> Condition:
    is_error = check.severity == "ERROR"
    return Condition(
        kind="failed_check",
        subject=f"{check.asset} {check.name}",
        severity="error" if is_error else "warning",
        since=datetime.fromisoformat(check.evaluated_at),
        what=f"The check {check.name} of {check.asset} {'failed' if is_error else 'warns'}: "
        f"{check.description or 'it gave no reason'}",
        where=f"partition {check.partition}" if check.partition else f"asset {check.asset}",
        remedy="cryptoassets status, then look at the check in Dagster",
        run_id=check.run_id,
    )


def _stale_price(price: NewestRow, source: str) -> Iterator[Condition]:
    if price.age is None or price.observed_at is None or price.age <= FRESH_WITHIN:
        return
    allowed = int(FRESH_WITHIN.total_seconds() // 60)
    yield Condition(
        kind="stale_price",
        subject="warehouse/coin_prices",
        severity="error",
        since=price.observed_at + FRESH_WITHIN,
        what=f"The newest price is from {price.observed_at:%Y-%m-%d %H:%M} UTC, but it may be at "
        f"most {allowed} minutes old",
        where=f"table warehouse.coin_prices, source {source}",
        remedy="cryptoassets status shows what failed or is waiting; cryptoassets run fetches now",
    )


def _open_gap(gaps: OpenGaps, interval: str) -> Iterator[Condition]:
    if gaps.first is None or gaps.last is None or gaps.detected_at is None:
        return
    noun = "gap" if gaps.gaps == 1 else "gaps"
    coins = "coin" if gaps.coins == 1 else "coins"
    bounds = f"--from {gaps.first:%Y-%m-%dT%H:%M} --to {gaps.last:%Y-%m-%dT%H:%M}"
    yield Condition(
        kind="open_gap",
        subject=f"history {interval}",
        severity="warning",
        since=gaps.detected_at,
        what=f"The history has {gaps.gaps} open {noun} in {gaps.coins} {coins}, from "
        f"{gaps.first:%Y-%m-%d %H:%M} to {gaps.last:%Y-%m-%d %H:%M} UTC",
        where=f"table warehouse.gaps, interval {interval}",
        remedy=f"cryptoassets backfill --gaps {bounds}",
    )


def _low_credits(credit: CreditStatus, now: datetime) -> Iterator[Condition]:
    if not credit.is_low:
        return
    usable = max(0, (credit.left or 0) - credit.reserve)
    yield Condition(
        kind="low_credits",
        subject="coincap",
        severity="warning",
        since=now,
        what=f"{usable:,} of CoinCap's {credit.monthly:,} credits are left above the reserve of "
        f"{credit.reserve:,}, and snapshots need {credit.needed_for_a_week:,} in the next "
        "week, or until the month ends if that is sooner",
        where="table warehouse.credits",
        remedy="fetch less often or fewer coins (COINCAP_COINS), or switch to a larger plan and "
        "raise COINCAP_MONTHLY_CREDITS",
    )


def _low_disk(disk: DiskSpace, now: datetime, *, is_open: bool) -> Iterator[Condition]:
    if disk.free_share >= (CLEARING_FREE_SHARE if is_open else MIN_FREE_SHARE):
        return
    yield Condition(
        kind="low_disk",
        subject=disk.folder,
        severity="error",
        since=now,
        what=f"Only {disk.free_share:.1%} of the disk is free: {disk.free_bytes / 1e9:,.1f} of "
        f"{disk.total_bytes / 1e9:,.1f} GB",
        where=f"folder {disk.folder}",
        remedy="free some space; cryptoassets retention deletes data older than "
        "CRYPTOASSETS_RETENTION_DAYS",
    )
