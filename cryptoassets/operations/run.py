"""The operation `run`: processes the current hour, and what earlier runs left unfinished.

What goes here: which jobs run for which partitions. What stays out: starting the services that the
jobs need (in `session`), executing a job (in `runs`), the jobs themselves (in `jobs`).
"""

import time
from datetime import UTC, date, datetime

from cryptoassets.operations.progress import Progress
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.operations.session import Session, open_session


def run_once(progress: Progress) -> Outcome:
    """Fetch, clean and publish the current hour and what earlier runs left unfinished."""
    from cryptoassets.operations.last_publications import last_publications

    started = time.monotonic()
    with open_session(progress) as session:
        runner = Runner(progress, session.instance, retries_stretches=True)
        is_first = not last_publications(session.stores.postgres)
        _run_jobs(session, runner)
        outcome = runner.outcome
        outcome.is_first = is_first
        outcome.source = session.stores.stack.source
    outcome.seconds = time.monotonic() - started
    return outcome


def _run_jobs(session: Session, runner: Runner) -> None:
    """Run the jobs; if the fetch fails, run no other job."""
    from cryptoassets.operations.left_behind import (
        days_left_behind,
        partitions_left_behind,
        rest_of_days,
        started_partitions,
    )
    from cryptoassets.operations.older_rules import report_older_rules
    from cryptoassets.operations.other_flows import run_other_flows
    from cryptoassets.operations.ranges import StretchRunner, compute_marts
    from cryptoassets.upkeep.coins import repair_coins
    from cryptoassets.upkeep.earlier_data import earlier_publications

    now, postgres = datetime.now(UTC), session.stores.postgres
    runner.progress.doing("Looking for unfinished hours")
    waiting = partitions_left_behind(session.stores, now)
    if not runner.execute("ingest", now.strftime("%Y-%m-%d-%H:00")):
        return
    _await_spark(session)
    # Not only the current hour: a response belongs to the hour of its own timestamp.
    raw = {key for (_, key), rows in runner.outcome.materialized.items() if rows}
    # Process the newest hour first: an older hour that always fails must not delay it.
    hours = reversed(started_partitions(raw | waiting.keys))
    done = [hour for hour in hours if runner.execute("process", hour)]
    # A changed rule may have quarantined the document from which a coin's row was made.
    repair_coins(postgres)
    run_other_flows(session.stores, runner, now)
    stale = days_left_behind(postgres)
    days = {date.fromisoformat(key[:10]) for key in {*done, *stale.keys}}
    compute_marts(StretchRunner(runner), postgres, days)
    # Look again: later days that depend on the computed days may have been computed, too.
    rest = stale.warning and rest_of_days(postgres)
    for sentence in filter(None, (waiting.warning, rest, earlier_publications(postgres))):
        runner.warn(sentence)
    report_older_rules(session.stores, runner)


def _await_spark(session: Session) -> None:
    """Wait until Spark is ready, and report how long that took."""
    from cryptoassets.schemas import FLOWS
    from cryptoassets.transforms.version import rules_version

    started = time.monotonic()
    session.progress.doing("Starting Spark")
    # The jobs need these versions, which are kept; computing them takes a quarter of a second.
    for flow in FLOWS:
        rules_version(flow.clean)
    session.await_spark()
    session.progress.done("Spark", "ready", time.monotonic() - started)
