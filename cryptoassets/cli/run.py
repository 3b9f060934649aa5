"""The verb `run`: the main job once, in this process, with progress and a summary.

What goes here: which jobs for which partitions. What stays out: executing one and telling of it (in
`runner`), the jobs themselves (in `jobs`).
"""

import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime

from rich.console import Console

from cryptoassets.cli.hours import begun, days_left_behind, hours_left_behind
from cryptoassets.cli.ranges import Ranges, make_marts
from cryptoassets.cli.runner import Outcome, Runner, line, source_words, warm_up_spark
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.coins import mend_coins


def run_once(console: Console) -> Outcome:
    """Run `ingest`, `process` and `marts` for now, saying what goes on."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with console.status("Starting what is missing") as status:
        stack = Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}."))
        with ThreadPoolExecutor(max_workers=2) as pool:
            stores: Future[None] = pool.submit(stack.up)
            import cryptoassets.definitions  # noqa: F401 - seconds, used below

            stores.result()
            line(console, "stores", f"up, source: {source_words(stack)}", started)
            # A JVM takes seconds to start: it does so while the answer of CoinCap is fetched.
            session = pool.submit(warm_up_spark)
            with dagster_instance() as instance:
                fail_dead_runs(instance)
                runner = Runner(console, status, instance, tries_ranges_again=True)
                outcome = _run_jobs(runner, Ranges(console, status, runner), session)
    outcome.source, outcome.seconds = stack.source, time.monotonic() - started
    return outcome


def _run_jobs(runner: Runner, ranges: Ranges, session: Future[None]) -> Outcome:
    now = datetime.now(UTC)
    with runner.waiting("Looking for hours that were left behind"):
        waiting = hours_left_behind(now)
    if not runner.execute("ingest", now.strftime("%Y-%m-%d-%H:00")):
        return runner.outcome
    with runner.waiting("Starting Spark"):
        session.result()
    # An answer stamped 14:00:00.1 belongs to 14:00, whichever hour's run fetched it.
    raw = {key for (asset, key), rows in runner.outcome.materialized.items() if rows}
    # The open hour first: one of before that fails again and again must not hold it up.
    hours = reversed(begun(raw | waiting.keys))
    done = [hour for hour in hours if runner.execute("process", hour)]
    # A rule that changed since may refuse what a coin was described by.
    mend_coins(PostgresResource())
    stale = days_left_behind()
    days = {date.fromisoformat(key[:10]) for key in {*done, *stale.keys}}
    make_marts(ranges, PostgresResource(), days)
    for sentence in filter(None, (waiting.rest, stale.rest)):
        runner.warn(sentence)
    return runner.outcome
