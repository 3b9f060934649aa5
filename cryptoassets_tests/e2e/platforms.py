"""Runs the product in the test process: real servers, one database per test, a warm SparkSession.

What goes here: running commands and jobs with a source that a test can break. What stays out:
reading the stores (in `stores`), the command as a separate process (in `homes`).
"""

import contextlib
import io
import json
import shutil
import signal
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from psycopg import sql

from cryptoassets.cli import main
from cryptoassets.coincap_server.server import App, make_server
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.definitions import defs
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import process_tags
from cryptoassets_tests.e2e.stores import Stores

HOUR_FORMAT = "%Y-%m-%d-%H:00"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class CommandResult:
    """Result of a command; `text` is its output.

    `Platform.command` replaces each sequence of white space in the output by one space.
    """

    code: int
    text: str


@dataclass(frozen=True)
class Platform:
    """Stores and a source for one test; `settings` are the environment variables of its runs."""

    stores: Stores
    source_url: str
    settings: dict[str, str]
    results: list[CommandResult] = field(default_factory=list)
    """Results of the commands that a fixture has run."""

    @contextlib.contextmanager
    def applied_settings(self) -> Iterator[None]:
        """Set the platform's environment variables until the block ends."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.settings.items():
                patch.setenv(name, value)
            yield

    def with_settings(self, **changes: str) -> "Platform":
        """Return the same platform with these settings changed."""
        return replace(self, settings=self.settings | changes)

    def command(self, *arguments: str) -> CommandResult:
        """Run `cryptoassets` with these arguments."""
        printed = io.StringIO()
        handler = signal.getsignal(signal.SIGTERM)
        code: object = 0
        with (
            self.applied_settings(),
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            patch.setattr(sys, "argv", ["cryptoassets", *arguments])
            try:
                main()
            except SystemExit as end:
                code = end.code
            finally:
                signal.signal(signal.SIGTERM, handler)
        return CommandResult(int(str(code or 0)), " ".join(printed.getvalue().split()))

    def execute(self, job: str, partition: str | None, **options: Any) -> dg.ExecuteInProcessResult:
        """Run one of the product's Dagster jobs; a failure is returned, not raised."""
        with self.applied_settings(), dagster_instance() as instance:
            return defs.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=partition,
                raise_on_error=False,
                run_config=_QUIET,
                **options,
            )

    @contextlib.contextmanager
    def live_run(self, job: str, partition: str) -> Iterator[None]:
        """A run of this process that seems to be working until the block ends."""
        with self.applied_settings(), dagster_instance() as instance:
            run = instance.create_run_for_job(
                defs.resolve_job_def(job),
                tags={"dagster/partition": partition},
                status=dg.DagsterRunStatus.STARTED,
            )
            instance.add_run_tags(run.run_id, process_tags(run.run_id))
            yield
            instance.delete_run(run.run_id)

    def put_faults(self, *rules: dict[str, Any]) -> None:
        """Set the faults of the source; without arguments, remove them."""
        put_faults(self.source_url, *rules)


MakePlatform = Callable[..., contextlib.AbstractContextManager[Platform]]
"""Makes a platform from a source and settings; see `new_platform`."""


def put_faults(url: str, *rules: dict[str, Any]) -> None:
    """Set the faults of a simulated source; see `cryptoassets.coincap_server.faults`."""
    body, headers = json.dumps(rules).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/faults", data=body, headers=headers, method="PUT")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def this_hour(seconds: int = 120) -> str:
    """Partition key of the current hour, in which at least `seconds` are left.

    Waits for the next hour if fewer are left, because no snapshot can be fetched for a past hour.
    """
    left = 3600 - time.time() % 3600
    if left < seconds:
        time.sleep(left + 1)
    return datetime.now(UTC).strftime(HOUR_FORMAT)


@contextlib.contextmanager
def new_platform(
    stack: Stack, template: str, folder: Path, app: App | None = None, **settings: str
) -> Iterator[Platform]:
    """Provide a platform with empty stores.

    If the hour is about to end, this waits for the next one: a test that counts the partitions of
    its documents would find one more.

    Args:
        stack: the session's servers.
        template: name of a PostgreSQL database to copy.
        folder: the folder for cleaned Parquet files.
        app: the source; by default a simulated one.
        settings: further environment variables.
    """
    this_hour(60)
    name = f"e2e_{uuid.uuid4().hex[:8]}"
    administer(stack, "CREATE DATABASE {} TEMPLATE {}", name, template)
    stores = Stores(stack.mongo_url(), name, stack.postgres_url(database=name), folder / "clean")
    with make_server(app or simulated_source()) as server:
        named = {
            "COINCAP_URL": server.url,
            # Tests of prices count partitions and calls, so no rates are fetched. `test_rates` sets
            # currencies.
            "CRYPTOASSETS_CURRENCIES": "none",
            "MONGO_URL": stores.mongo_url,
            "MONGO_DATABASE": name,
            "POSTGRES_URL": stores.postgres_url,
            "CLEAN_PATH": str(stores.clean),
        }
        yield Platform(stores, server.url, named | settings)
    with stores.lake() as lake:
        lake.client.drop_database(name)
    administer(stack, "DROP DATABASE {} WITH (FORCE)", name)


@contextlib.contextmanager
def copied(platform: Platform, stack: Stack, folder: Path) -> Iterator[Platform]:
    """Provide the same source with a copy of the stores, which a test may damage."""
    stores = platform.stores
    name = f"{stores.mongo_database}_copy"
    url = stack.postgres_url(database="postgres").replace("/postgres", f"/{name}")
    administer(stack, "CREATE DATABASE {} TEMPLATE {}", name, stores.mongo_database)
    shutil.copytree(stores.clean, folder / "clean")
    copy = replace(stores, mongo_database=name, postgres_url=url, clean=folder / "clean")
    with stores.lake() as lake:
        for collection in lake.list_collection_names():
            documents = list(lake[collection].find({}))
            if documents:
                lake.client[name][collection].insert_many(documents)
        named = {"POSTGRES_URL": url, "MONGO_DATABASE": name, "CLEAN_PATH": str(copy.clean)}
        yield replace(platform, stores=copy, settings=platform.settings | named)
        lake.client.drop_database(name)
    administer(stack, "DROP DATABASE {} WITH (FORCE)", name)


def administer(stack: Stack, statement: str, *names: str) -> None:
    """Run a statement that is not allowed in a transaction; names replace `{}`."""
    with psycopg.connect(stack.postgres_url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
