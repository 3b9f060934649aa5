"""Promises of `cryptoassets status` on what needs attention: said in one sentence, and by the code.

What is good, and what a killed run looks like, is tested in the stories of `run` and the sensors.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.embedded.dead_runs import process_tags
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets_tests.e2e.platforms import Finished, MakePlatform, Platform, this_hour

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

_STALE = (
    "INSERT INTO warehouse.loads VALUES "
    "('warehouse/coin_prices', '2019-03-01-00:00', 'r', 9, 9, 0, 0, now())"
)


@dataclass(frozen=True)
class Told:
    """What `status` said of a platform whose newest hour was fetched and not processed."""

    hour: str
    for_people: Finished
    for_programs: Finished
    while_it_is_processed: dict[str, Any]

    @property
    def facts(self) -> dict[str, Any]:
        """What programs read."""
        facts: dict[str, Any] = json.loads(self.for_programs.text)
        return facts


def status_while_a_run_works(platform: Platform, hour: str) -> dict[str, Any]:
    """What programs read while a living run processes the hour."""
    with platform.in_force(), dagster_instance() as instance:
        job = defs.resolve_job_def("process")
        tags = {"dagster/partition": hour}
        run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
        instance.add_run_tags(run.run_id, process_tags(run.run_id))
        told: dict[str, Any] = json.loads(platform.command("status", "--json").text)
        instance.delete_run(run.run_id)
    return told


@pytest.fixture(scope="module")
def told(make_platform: MakePlatform) -> Iterator[Told]:
    """An hour that waits, a day whose marts are stale, a source whose clock is fast."""
    with make_platform(COINCAP_COINS="5") as platform:
        hour = this_hour()
        assert platform.execute("ingest", hour).success
        platform.stores.rows(_STALE)
        with platform.in_force(), dagster_instance() as instance:
            noted = {"clock_difference_seconds": -180.0}
            made = dg.AssetMaterialization(RAW_SNAPSHOTS, partition=hour, metadata=noted)
            instance.report_runless_asset_event(made)
        yield Told(
            hour,
            platform.command("status"),
            platform.command("status", "--json"),
            status_while_a_run_works(platform, hour),
        )


def test_documents_that_wait_are_counted_and_fail_it(told: Told) -> None:
    """A killed run leaves them, and nobody notices until somebody asks."""
    waiting = [partition for partition in told.facts["waiting"] if partition["documents"]]

    assert (1, 1) == (told.for_people.code, told.for_programs.code)
    assert 5 == told.facts["documents_waiting"]
    assert ["warehouse/coin_prices"] == [partition["asset"] for partition in waiting]
    assert f"5 documents of {waiting[0]['partition']} are fetched and not published" in (
        told.for_people.text
    )


def test_documents_that_a_living_run_works_on_do_not_wait(told: Told) -> None:
    """Else every look during a run would be a false alarm.

    Checks that the run has planned and not evaluated ended `status` in a traceback.
    """
    assert 0 == told.while_it_is_processed["documents_waiting"]


def test_marts_older_than_their_prices_are_named(told: Told) -> None:
    """A run killed between the two leaves figures of yesterday's prices."""
    assert "2019-03-01" in told.facts["stale_mart_days"]
    assert "The marts of 2019-03-01" in told.for_people.text
    assert "are older than their prices" in told.for_people.text


def test_a_clock_that_is_minutes_off_is_warned_of(told: Told) -> None:
    """Documents land in the hour that the source's clock says."""
    assert -180.0 == told.facts["clock_difference_seconds"]
    assert "The source's clock is 3.0 min behind ours" in told.for_people.text


def test_the_space_that_is_left_is_shown(told: Told) -> None:
    """A full disk is better seen before it stops a run."""
    assert told.facts["disk_free_bytes"] > 0
    assert "GB free" in told.for_people.text
