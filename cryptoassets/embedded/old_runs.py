"""Deletes old Dagster runs with all their data, because Dagster would keep them forever.

What goes here: choosing which finished runs to delete, and deleting them. What stays out: when runs
are deleted, and at which age (in the job `purge_old_runs`, `run --every` and the data's retention).

Dagster's UI and sensors read the state of a partition from its newest materialization. The run with
that event is therefore kept, however old it is. Runs are deleted if later runs have superseded
them, or if they materialized nothing. For an hour that was processed 60 times, one run per job is
kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunsFilter

_PAGE_SIZE = 200


@dataclass(frozen=True)
class Purge:
    """The result of a purge, or of its dry run.

    Attributes:
        deleted: ids of the deleted runs, oldest first.
        kept: number of old runs that were kept because they contain the newest materialization of
            an asset or partition.
    """

    deleted: tuple[str, ...]
    kept: int


def purge_runs(
    instance: "DagsterInstance",
    older_than: datetime,
    *,
    dry_run: bool = False,
    newer_than: datetime | None = None,
    keep_failed: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Purge:
    """Delete finished runs that nothing depends on, with their events, check results and logs.

    Unfinished runs are never deleted, whatever their age. It is safe to call this function while
    other purges or runs are executing.

    Args:
        instance: Dagster's instance.
        older_than: aware time; runs whose last update is before it are deleted.
        dry_run: report what would be deleted, and delete nothing.
        newer_than: aware time; runs created before it are ignored. None: no limit.
        keep_failed: delete only runs that succeeded.
        tags: delete only runs with these tags.
    """
    from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415 - seconds of imports

    failed = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    filters = RunsFilter(
        statuses=[DagsterRunStatus.SUCCESS, *([] if keep_failed else failed)],
        updated_before=older_than,
        created_after=newer_than,
        tags=dict(tags) if tags else None,
    )
    # Read all ids before deleting the first run: each page starts after the last run of the
    # previous page, which must still exist.
    candidates = list(_run_ids(instance, filters))
    deleted = []
    for run_id in candidates:
        if _is_superseded(instance, run_id):
            deleted.append(run_id)
            if not dry_run:
                _delete(instance, run_id)
    return Purge(tuple(deleted), len(candidates) - len(deleted))


def _run_ids(instance: "DagsterInstance", filters: "RunsFilter") -> Iterator[str]:
    cursor: str | None = None
    while True:
        records = instance.get_run_records(filters, limit=_PAGE_SIZE, cursor=cursor, ascending=True)
        for record in records:
            cursor = record.dagster_run.run_id
            yield cursor
        if len(records) < _PAGE_SIZE:
            return


def _is_superseded(instance: "DagsterInstance", run_id: str) -> bool:
    """Return whether later runs have materialized again everything that this run materialized."""
    from dagster import DagsterEventType  # noqa: PLC0415 - seconds of imports

    materialization = DagsterEventType.ASSET_MATERIALIZATION
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor=cursor, of_type=materialization, limit=_PAGE_SIZE
        )
        for record in page.records:
            event = record.event_log_entry.dagster_event
            if event is None or event.asset_key is None:
                return False
            if event.partition is None:
                newest_event = instance.get_latest_materialization_event(event.asset_key)
                if newest_event is not None and newest_event.run_id == run_id:
                    return False
                continue
            newest = instance.event_log_storage.get_latest_storage_id_by_partition(
                event.asset_key, materialization, partitions={event.partition}
            )
            if newest.get(event.partition) == record.storage_id:
                return False
        if not page.has_more:
            return True
        cursor = page.cursor


def _delete(instance: "DagsterInstance", run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    _delete_check_results(instance, run_id)
    instance.delete_run(run_id)


def _delete_check_results(instance: "DagsterInstance", run_id: str) -> None:
    # When Dagster deletes a run, the check results remain (ten rows for each run of `process`), and
    # Dagster has no method that deletes them.
    from dagster._core.storage.event_log.schema import (  # noqa: PLC0415
        AssetCheckExecutionsTable,
    )
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage  # noqa: PLC0415

    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        of_run = AssetCheckExecutionsTable.c.run_id == run_id
        with storage.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.delete().where(of_run))
