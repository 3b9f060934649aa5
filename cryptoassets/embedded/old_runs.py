"""Runs that Dagster would keep for ever, deleted with all that they left behind.

What goes here: which finished runs may go, and deleting them. What stays out: when that is done and
by which age (the job `purge_old_runs`, `run --every` and the retention of data do it).

Dagster's pages and sensors know a partition by its newest materialization. The run that holds it
therefore stays, however old: what goes are the runs that a later one has superseded, and those that
materialized nothing. An hour that was processed 60 times keeps one run of each job.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunsFilter

_AT_ONCE = 200


@dataclass(frozen=True)
class Purge:
    """What a purge did, or would do.

    Attributes:
        deleted: ids of the runs that went, oldest first.
        kept: runs of that age that stay, for a partition's newest materialization is theirs.
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
    """Delete finished runs that nothing leans on, with events, check results and logs.

    Runs that wait, start, go or stop are never touched, whatever their age. Safe beside other
    purges and beside runs.

    Args:
        instance: Dagster's.
        older_than: aware time; a run goes that was last heard of before it.
        dry_run: say what would go, and delete nothing.
        newer_than: aware time; runs created before it are not looked at. None: all are.
        keep_failed: only runs that succeeded go.
        tags: only runs with these tags.
    """
    from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415 - seconds of imports

    failed = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    filters = RunsFilter(
        statuses=[DagsterRunStatus.SUCCESS, *([] if keep_failed else failed)],
        updated_before=older_than,
        created_after=newer_than,
        tags=dict(tags) if tags else None,
    )
    # All ids before the first is deleted: a page begins where the run before it stands.
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
        records = instance.get_run_records(filters, limit=_AT_ONCE, cursor=cursor, ascending=True)
        for record in records:
            cursor = record.dagster_run.run_id
            yield cursor
        if len(records) < _AT_ONCE:
            return


def _is_superseded(instance: "DagsterInstance", run_id: str) -> bool:
    """Whether all that the run materialized was materialized again by a later one."""
    from dagster import DagsterEventType  # noqa: PLC0415 - seconds of imports

    made = DagsterEventType.ASSET_MATERIALIZATION
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=made, limit=_AT_ONCE)
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
                event.asset_key, made, partitions={event.partition}
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
    # Ten rows a run of `process` that deleting a run leaves behind; Dagster has no call for them.
    from dagster._core.storage.event_log.schema import (  # noqa: PLC0415
        AssetCheckExecutionsTable,
    )
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage  # noqa: PLC0415

    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        of_run = AssetCheckExecutionsTable.c.run_id == run_id
        with storage.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.delete().where(of_run))
