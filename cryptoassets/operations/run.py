"""The operation `run`: `ingest`, `process` and `marts` once, for now and for what was left behind.

What goes here: which jobs for which partitions. What stays out: starting what they need (in
`session`), executing one (in `runs`), the jobs themselves (in `jobs`).
"""

import time
from datetime import UTC, date, datetime

from cryptoassets.operations.progress import Progress
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.operations.session import Session, open_session


def run_once(progress: Progress) -> Outcome:
    """Fetch, clean and publish the open hour and what earlier runs have left."""
    started = time.monotonic()
    with open_session(progress) as session:
        runner = Runner(progress, session.instance, tries_ranges_again=True)
        _run_jobs(session, runner)
        outcome = runner.outcome
        outcome.source = session.stores.stack.source
    outcome.seconds = time.monotonic() - started
    return outcome


def _run_jobs(session: Session, runner: Runner) -> None:
    """Run the jobs; those without work are left out."""
    from cryptoassets.operations.left_behind import (
        days_left_behind,
        hours_begun,
        hours_left_behind,
    )
    from cryptoassets.operations.ranges import StretchRunner, make_marts
    from cryptoassets.upkeep.coins import repair_coins

    now, postgres = datetime.now(UTC), session.stores.postgres
    runner.progress.doing("Looking for hours that were left behind")
    waiting = hours_left_behind(session.stores, now)
    if not runner.execute("ingest", now.strftime("%Y-%m-%d-%H:00")):
        return
    runner.progress.doing("Starting Spark")
    session.await_spark()
    # An answer stamped 14:00:00.1 belongs to 14:00, whichever hour's run fetched it.
    raw = {key for (_, key), rows in runner.outcome.materialized.items() if rows}
    # The open hour first: an older one that fails again and again must not hold it up.
    hours = reversed(hours_begun(raw | waiting.keys))
    done = [hour for hour in hours if runner.execute("process", hour)]
    # A rule that has changed since may refuse the document that described a coin.
    repair_coins(postgres)
    stale = days_left_behind(postgres)
    days = {date.fromisoformat(key[:10]) for key in {*done, *stale.keys}}
    make_marts(StretchRunner(runner), postgres, days)
    for sentence in filter(None, (waiting.rest, stale.rest)):
        runner.warn(sentence)
