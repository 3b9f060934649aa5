"""Ends a Spark application that gets no executor, so that its run fails instead of waiting.

What goes here: counting executors, and the thread that watches them. What stays out: the session
(in `spark`), raising the error (in `spark_errors`).

Spark itself would wait forever for a worker with enough room, or for a master that was restarted
and no longer knows the application.
"""

import threading
import time

from py4j.protocol import Py4JError
from pyspark import SparkContext

WAIT = "spark.cryptoassets.executorWait"
"""Option in Spark's configuration: how long jobs wait for an executor, e.g. `20min`."""
_DEFAULT_WAIT = "5min"
STOPPING = threading.Lock()
"""Held while a context is being stopped, so that a new context is created only afterwards."""
_CHECK_SECONDS = 1.0
_sentences: list[str] = []
"""The reason why this process has stopped a context, until `why_stopped` returns it."""


def executor_count(context: SparkContext) -> int:
    """Return how many executors an application on a cluster has now."""
    # The list also contains the driver.
    return int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1  # noqa: SLF001


def watch_executors(context: SparkContext) -> None:
    """Stop the context if its jobs have no executor for too long; call this once per context.

    A local Spark needs no executor and is not watched.
    """
    if not str(context.master).startswith("local"):
        seconds = float(context._jsc.sc().conf().getTimeAsSeconds(WAIT, _DEFAULT_WAIT))  # noqa: SLF001
        threading.Thread(target=_watch, args=(context, seconds), daemon=True).start()


def why_stopped() -> str | None:
    """Return why the context was stopped for lack of executors, else None.

    The reason is returned only once.
    """
    return _sentences.pop() if _sentences else None


def _watch(context: SparkContext, seconds: float) -> None:
    tracker, jobs_waiting_since = context.statusTracker(), time.monotonic()
    try:
        while context._jsc is not None:  # noqa: SLF001 - a stopped context has none
            if executor_count(context) > 0 or not tracker.getActiveJobsIds():
                jobs_waiting_since = time.monotonic()
            if time.monotonic() - jobs_waiting_since > seconds:
                with STOPPING:
                    _sentences[:] = [_sentence(context, seconds)]
                    # A new session registers again, which helps if the master was restarted.
                    context.stop()
                return
            time.sleep(_CHECK_SECONDS)
    except (Py4JError, OSError, AttributeError):
        # The context was stopped, or its JVM has ended.
        return


def _sentence(context: SparkContext, seconds: float) -> str:
    return (
        f"The Spark cluster {context.master} gave this run no executor for {seconds:.0f} s. A "
        "retry helps when the cluster has room again: check on the master's page that it lists "
        f"the workers and that they have free cores and memory. {WAIT} in Spark's configuration "
        "sets this time limit"
    )
