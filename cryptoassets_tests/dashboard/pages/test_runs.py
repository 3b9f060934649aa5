"""Only runs of this installation are shown, even if another installation's Dagster responds."""

from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest

from cryptoassets.embedded import Stack
from cryptoassets.webserver.__main__ import GuardedWebserver
from cryptoassets_tests.dashboard.browser import CHROMIUM, Tab
from cryptoassets_tests.dashboard.conftest import filled, served
from cryptoassets_tests.resources.postgres_fixtures import UrlOf
from cryptoassets_tests.toy_job import toy_job
from cryptoassets_tests.webserver.conftest import served as served_dagster

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="needs a browser: apt-get install chromium (`.ci/run` installs it if run as root)",
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The id of a run, and CRYPTOASSETS_PAGES with the address of the Dagster that knows it."""
    folder = tmp_path_factory.mktemp("dagster")
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        run_id = toy_job.execute_in_process(instance=instance).run_id
    with served_dagster(GuardedWebserver, folder) as page:
        yield run_id, f"dagster=http://localhost:{page.port}"


def test_runs_of_another_installation_are_not_shown(
    tab: Tab, market: str, run: tuple[str, str]
) -> None:
    """Two checkouts on one machine use the same default address for Dagster."""
    run_id, pages = run

    with served(market, CRYPTOASSETS_PAGES=pages) as address:
        tab.open(f"{address}/pipeline", f"The Dagster at {pages.removeprefix('dagster=')} belongs")
        text = tab.value("document.body.innerText")
        links = tab.value("document.querySelectorAll('a[href*=\"/runs/\"]').length")
        tab.open(f"{address}/platform", "responding, but belongs to another installation")

    assert run_id[:8] not in text
    assert "run-1\t" in text
    assert 0 == links


def test_runs_of_this_installation_are_shown(
    tab: Tab,
    run: tuple[str, str],
    stack: Stack,
    postgres_url_of: UrlOf,
    migrated_template: str,
) -> None:
    """A Dagster belongs to this installation if it knows a run that published one of its tables."""
    run_id, pages = run

    with filled(stack, postgres_url_of, migrated_template) as market:
        name = market.rsplit("/", 1)[-1]
        with psycopg.connect(postgres_url_of(name)) as owner:
            owner.execute(
                "UPDATE warehouse.load_history SET run_id = %s WHERE run_id = 'run-1'", [run_id]
            )
        with served(market, CRYPTOASSETS_PAGES=pages) as address:
            tab.open(f"{address}/pipeline", "Last runs", f"{run_id[:8]}\ttoy_job", "success")
            tab.open(f"{address}/platform", "● responding")

    assert "another installation" not in tab.value("document.body.innerText")


def test_before_the_first_publication_no_runs_are_claimed(
    tab: Tab, run: tuple[str, str], stack: Stack, migrated_template: str
) -> None:
    """It is not yet known to which installation the responding Dagster belongs."""
    run_id, pages = run
    url = f"{stack.analyst_url().rsplit('/', 1)[0]}/{migrated_template}"

    with served(url, CRYPTOASSETS_PAGES=pages) as address:
        tab.open(f"{address}/pipeline", "it is not known whether the Dagster at")

    assert run_id[:8] not in tab.value("document.body.innerText")
