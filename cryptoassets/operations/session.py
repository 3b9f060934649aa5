"""Opens what operations need: settings, stores, Dagster's instance and Spark, once each.

What goes here: starting services that are not running yet, in parallel, and opening connections.
What stays out: the servers (in `embedded`), Spark's settings (in `resources.spark_jvm`).

Starting a store, starting Java and importing a large Python package take seconds each. Therefore
this module imports large packages only when they are needed.
"""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptoassets.embedded import Stack, dagster_instance, not_running, starting_nothing
from cryptoassets.operations.progress import Progress
from cryptoassets.project import checkout
from cryptoassets.settings import Settings, load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from cryptoassets.resources.mongo import MongoResource
    from cryptoassets.resources.postgres import PostgresResource

_SOURCE = "source"
"""The only embedded server that is not a store; operations that only read do not need it."""


@dataclass(frozen=True)
class Stores:
    """The settings, and the stores that they configure."""

    settings: Settings
    stack: Stack
    mongo: "MongoResource"
    postgres: "PostgresResource"


@dataclass(frozen=True)
class Session:
    """What an operation that executes jobs needs.

    Attributes:
        await_spark: starts Spark if necessary and returns when it is ready; raises if it failed.
        progress: receives reports.
    """

    stores: Stores
    instance: "DagsterInstance"
    await_spark: Callable[[], None]
    progress: Progress


@contextmanager
def open_stores() -> Iterator[Stores]:
    """Open the stores; an embedded one starts when it is first used."""
    from cryptoassets.resources.mongo import MongoResource
    from cryptoassets.resources.postgres import PostgresResource

    settings = load_settings()
    mongo = MongoResource()
    with closing(mongo.lake().client):
        yield Stores(settings, Stack(settings), mongo, PostgresResource())


@contextmanager
def open_running_stores() -> Iterator[Stores]:
    """Open the stores for an operation that only reads; start nothing.

    Raises:
        StoreNotRunningError: an embedded store is stopped; the message names all of them.
    """
    with starting_nothing():
        stack = Stack(load_settings())
        stopped = [title for name, title in stack.stopped().items() if name != _SOURCE]
        if stopped:
            raise not_running(stopped, stack.home)
        with open_stores() as stores:
            yield stores


@contextmanager
def open_session(
    progress: Progress, *, starts_spark: bool = True, blocks_retention: bool = False
) -> Iterator[Session]:
    """Start services that are not running and open everything; SIGTERM interrupts like Ctrl-C.

    Args:
        progress: receives reports.
        starts_spark: start Spark at once, while the stores start; False: when it is first awaited.
        blocks_retention: retention deletes no partition while the session is open.
    """
    from cryptoassets.embedded.dead_runs import fail_dead_runs

    with (
        start_platform(progress, starts_spark=starts_spark) as await_spark,
        open_stores() as stores,
        dagster_instance() as instance,
        _retention(stores, is_blocked=blocks_retention),
    ):
        fail_dead_runs(instance)
        yield Session(stores, instance, await_spark, progress)


@contextmanager
def start_platform(
    progress: Progress, *, starts_spark: bool = True, is_long_lived: bool = False
) -> Iterator[Callable[[], None]]:
    """Start stores, source and Spark in parallel; yield a function that waits for Spark.

    Args:
        progress: receives reports.
        starts_spark: start Spark at once; False: when it is first awaited.
        is_long_lived: the process runs for hours.
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress.doing("Starting the services that are not running")
    stack = Stack(load_settings(), report=lambda sentence: progress.note(f"{sentence}."))
    with ThreadPoolExecutor(max_workers=2) as pool:
        stores = pool.submit(stack.up)
        spark = _SparkStart(pool, is_long_lived=is_long_lived)
        if starts_spark:
            spark.begin()
        stores.result()
        seconds = time.monotonic() - started
        progress.done("stores", f"up, source: {source_words(stack)}", seconds)
        yield spark.wait


class _SparkStart:
    """Starts Spark once, in another thread."""

    def __init__(self, pool: ThreadPoolExecutor, *, is_long_lived: bool) -> None:
        self._pool = pool
        self._is_long_lived = is_long_lived
        self._start: Future[None] | None = None

    def begin(self) -> Future[None]:
        """Start Spark unless already started; also load the definitions, which every job needs."""
        if self._start is None:
            import cryptoassets.resources.spark

            self._start = self._pool.submit(warm_up_spark, is_long_lived=self._is_long_lived)
            import cryptoassets.definitions  # noqa: F401 - takes seconds
        return self._start

    def wait(self) -> None:
        """Return when Spark is ready; raise the error if its start failed."""
        self.begin().result()


def warm_up_spark(*, is_long_lived: bool = False) -> None:
    """Start the Spark session, and let a Python worker of each executor run a small task."""
    from cryptoassets.resources.spark import SparkResource
    from cryptoassets.resources.spark_errors import spark_errors
    from cryptoassets.stores.warming import SCHEMA, warm

    with spark_errors():
        spark = SparkResource(is_long_lived=is_long_lived)
        spark.tasks(warm, spark.executors, SCHEMA).collect()


def source_words(stack: Stack) -> str:
    """Describe the source, and how to get real prices; outside the checkout, add the home path."""
    words = {
        "coincap": "CoinCap",
        "simulator": "simulator (not real prices; set COINCAP_API_KEY for CoinCap)",
        "replay": "replay of recorded responses",
    }[stack.source]
    root = checkout()
    is_outside = root is None or not Path.cwd().is_relative_to(root)
    return f"{words}; home: {stack.home}" if is_outside else words


@contextmanager
def _retention(stores: Stores, *, is_blocked: bool) -> Iterator[None]:
    if not is_blocked:
        yield
        return
    from cryptoassets.upkeep.retention import blocking_retention

    with blocking_retention(stores.postgres):
        yield
