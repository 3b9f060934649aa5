"""`cryptoassets status` shows in one sentence, and by its exit code, what needs attention.

`test_run` tests a healthy platform, and `test_killed_runs` a killed run.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from cryptoassets.embedded import dagster_instance
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets_tests.e2e.platforms import CommandResult, MakePlatform, Platform, this_hour

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

_STALE = (
    "INSERT INTO warehouse.loads VALUES "
    "('warehouse/coin_prices', '2019-03-01-00:00', 'r', 9, 9, 0, 0, now())"
)


@dataclass(frozen=True)
class StatusOutput:
    """The output of `status` for a platform whose newest hour was fetched but not processed."""

    hour: str
    for_people: CommandResult
    for_programs: CommandResult
    while_it_is_processed: dict[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """The output for programs."""
        facts: dict[str, Any] = json.loads(self.for_programs.text)
        return facts


def status_while_a_run_works(platform: Platform, hour: str) -> dict[str, Any]:
    """The output for programs while a live run processes the hour."""
    with platform.live_run("process", hour):
        shown: dict[str, Any] = json.loads(platform.command("status", "--json").text)
    return shown


@pytest.fixture(scope="module")
def shown(make_platform: MakePlatform) -> Iterator[StatusOutput]:
    """`status` with a waiting hour, a day with stale marts and a source with a wrong clock."""
    with make_platform(COINCAP_COINS="5") as platform:
        hour = this_hour()
        assert platform.execute("ingest", hour).success
        platform.stores.rows(_STALE)
        with platform.applied_settings(), dagster_instance() as instance:
            noted = {"clock_difference_seconds": -180.0}
            materialization = dg.AssetMaterialization(RAW_SNAPSHOTS, partition=hour, metadata=noted)
            instance.report_runless_asset_event(materialization)
        yield StatusOutput(
            hour,
            platform.command("status"),
            platform.command("status", "--json"),
            status_while_a_run_works(platform, hour),
        )


def test_waiting_documents_are_counted_and_exit_with_1(shown: StatusOutput) -> None:
    """A killed run leaves waiting documents, and no other output shows them."""
    waiting = [partition for partition in shown.facts["waiting"] if partition["documents"]]

    assert (1, 1) == (shown.for_people.code, shown.for_programs.code)
    assert 5 == shown.facts["documents_waiting"]
    assert ["warehouse/coin_prices"] == [partition["asset"] for partition in waiting]
    assert f"5 documents of {waiting[0]['partition']} fetched but not published" in (
        shown.for_people.text
    )


def test_documents_of_a_live_run_do_not_count_as_waiting(shown: StatusOutput) -> None:
    """If the documents of live runs counted, `status` would warn during every run.

    If a run had planned checks but not evaluated them yet, `status` used to print a traceback.
    """
    assert 0 == shown.while_it_is_processed["documents_waiting"]


def test_stale_marts_are_reported(shown: StatusOutput) -> None:
    """If a run is killed before it computes the marts, they still show figures of older prices."""
    assert "2019-03-01" in shown.facts["stale_mart_days"]
    assert "The marts of 2019-03-01" in shown.for_people.text
    assert "are older than their prices" in shown.for_people.text


def test_a_wrong_clock_is_a_warning(shown: StatusOutput) -> None:
    """Documents are stored in the hour of the source's clock."""
    assert -180.0 == shown.facts["clock_difference_seconds"]
    assert "The source's clock is 3.0 min behind this machine's" in shown.for_people.text


def test_free_disk_space_is_shown(shown: StatusOutput) -> None:
    """A user can act before a full disk ends a run."""
    assert shown.facts["disk_free_bytes"] > 0
    assert "GB free" in shown.for_people.text
