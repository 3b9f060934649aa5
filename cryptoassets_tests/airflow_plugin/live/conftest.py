"""One Dagster and one Airflow for all live tests, with their own stores."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.processes import Program, Programs, free_port
from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, new_home, running_airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import (
    Dagster,
    LosingProxy,
    is_answering,
    losing_proxy,
    running_dagster,
    webserver_program,
)
from cryptoassets_tests.e2e.stores import Stores

LINE = os.environ.get("CRYPTOASSETS_AIRFLOW_LINE", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the live tests that are not for the Airflow version under test.

    `make test` skips all of them, because it sets no version.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            wanted = "2" if item.get_closest_marker("airflow2") else "3"
            if wanted != LINE:
                reason = f"needs CRYPTOASSETS_AIRFLOW_LINE={wanted}: make test-airflow"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def stores(stack: Stack) -> Stores:
    """The session's stores, all started."""
    stack.up()
    clean = Path(stack.clean_path())
    return Stores(stack.mongo_url(), "datalake", stack.postgres_url(), clean)


@pytest.fixture(scope="session")
def dagster(stores: Stores, session_home: Path) -> Iterator[Dagster]:
    """A real webserver, daemon and code location."""
    with running_dagster(free_port(), session_home / "airflow" / "logs") as dagster:
        yield dagster


@pytest.fixture(scope="session")
def proxy(dagster: Dagster) -> Iterator[LosingProxy]:
    """A proxy in front of Dagster that loses the response to the first launch."""
    with losing_proxy(dagster.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def frail_port() -> int:
    """The port of a webserver that tests kill."""
    return free_port()


@pytest.fixture(scope="session")
def frail_proxy(frail_port: int) -> Iterator[LosingProxy]:
    """Like `proxy`, but in front of the webserver that tests kill."""
    with losing_proxy(f"http://127.0.0.1:{frail_port}") as proxy:
        yield proxy


@pytest.fixture
def frail_webserver(dagster: Dagster, frail_port: int, session_home: Path) -> Iterator[Program]:
    """A second webserver for the same Dagster, started for one test."""
    program = webserver_program(frail_port, session_home / "airflow" / "logs")
    programs = Programs(print)
    programs.start(program)
    until(lambda: is_answering(Dagster(frail_port)), 60)
    yield program
    programs.stop()


@pytest.fixture(scope="session")
def airflow(
    stack: Stack,
    dagster: Dagster,
    proxy: LosingProxy,
    frail_proxy: LosingProxy,
    session_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Airflow]:
    """A real Airflow of the requested version."""
    home = new_home(session_home, stack.postgres_url("airflow"), dagster.port)
    stock = {"conn_type": "dagster", "login": f"{dagster.url}/graphql"}
    connections = {
        "dagster_proxy": f"http://127.0.0.1:{proxy.port}",
        "dagster_frail": f"http://127.0.0.1:{frail_proxy.port}",
        "dagster_airflow": json.dumps(stock),
    }
    folder = tmp_path_factory.mktemp("airflow")
    with running_airflow(int(LINE), home, folder, connections) as airflow:
        yield airflow
