"""The verb `run`: the main job once, in this process, with progress and a summary.

What goes here: starting what the jobs need, all at the same time. What stays out: which jobs for
which partitions (in `now`).

Stores, Java and Python's imports take seconds each: this module imports nothing that does.
"""

import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor

from rich.console import Console

from cryptoassets.cli.runner import Outcome, Runner, line, source_words, warm_up_spark
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.settings import load_settings


def run_once(console: Console) -> Outcome:
    """Run `ingest`, `process` and `marts` for now, saying what goes on."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with console.status("Starting what is missing") as status:
        stack = Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}."))
        with ThreadPoolExecutor(max_workers=2) as pool:
            stores: Future[None] = pool.submit(stack.up)
            import cryptoassets.resources.spark

            session = pool.submit(warm_up_spark)
            import cryptoassets.definitions  # noqa: F401 - seconds, used below
            from cryptoassets.cli.now import run_jobs
            from cryptoassets.cli.ranges import Ranges

            stores.result()
            line(console, "stores", f"up, source: {source_words(stack)}", started)
            with dagster_instance() as instance:
                fail_dead_runs(instance)
                runner = Runner(console, status, instance, tries_ranges_again=True)
                outcome = run_jobs(runner, Ranges(console, status, runner), session.result)
    outcome.source, outcome.seconds = stack.source, time.monotonic() - started
    return outcome
