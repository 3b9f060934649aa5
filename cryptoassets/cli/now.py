"""The jobs of `run`: `ingest`, `process` and `marts` for now and for what was left behind.

What goes here: which jobs for which partitions. What stays out: starting what they need (in `run`),
executing one and telling of it (in `runner`), the jobs themselves (in `jobs`).
"""

from collections.abc import Callable
from datetime import UTC, date, datetime

from cryptoassets.cli.hours import begun, days_left_behind, hours_left_behind
from cryptoassets.cli.ranges import Ranges, make_marts
from cryptoassets.cli.runner import Outcome, Runner
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.coins import repair_coins


def run_jobs(runner: Runner, ranges: Ranges, await_spark: Callable[[], None]) -> Outcome:
    """Run the jobs; what has no work is left out.

    Args:
        runner: executes them.
        ranges: makes marts of many days.
        await_spark: returns when Spark is ready, or raises why it is not.
    """
    now = datetime.now(UTC)
    with runner.waiting("Looking for hours that were left behind"):
        waiting = hours_left_behind(now)
    if not runner.execute("ingest", now.strftime("%Y-%m-%d-%H:00")):
        return runner.outcome
    with runner.waiting("Starting Spark"):
        await_spark()
    # An answer stamped 14:00:00.1 belongs to 14:00, whichever hour's run fetched it.
    raw = {key for (asset, key), rows in runner.outcome.materialized.items() if rows}
    # The open hour first: one of before that fails again and again must not hold it up.
    hours = reversed(begun(raw | waiting.keys))
    done = [hour for hour in hours if runner.execute("process", hour)]
    # A rule that changed since may refuse what a coin was described by.
    repair_coins(PostgresResource())
    stale = days_left_behind()
    days = {date.fromisoformat(key[:10]) for key in {*done, *stale.keys}}
    make_marts(ranges, PostgresResource(), days)
    for sentence in filter(None, (waiting.rest, stale.rest)):
        runner.warn(sentence)
    return runner.outcome
