"""The storage classes named in `dagster.yaml`: Dagster's files in our home, its runs in PostgreSQL.

What goes here: subclasses of Dagster's classes that take their folder or URL from our settings, and
two changes to what is stored. What stays out: how Dagster stores it. `dagster.yaml` names these
classes because it has no way to refer to "the embedded server".
"""

import os
import signal
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from dagster import EventLogEntry
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.events import AssetMaterializationPlannedData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
)

from cryptoassets import libpq
from cryptoassets.embedded.dagster_home import dagster_stack

CODE_LOCATION = "cryptoassets"
"""The name in `workspace.yaml`."""
MAX_PLANNED_APART = 31
"""A run over more partitions than this stores one planning event per asset."""


class _Unconfigured:
    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take no configuration: everything comes from the settings."""
        return {}


class LocatedRuns(PostgresRunStorage):
    """Run storage that assigns runs without a code location to our code location.

    Such runs are executed by a command itself, and Dagster's UI would omit them from its timeline.
    """

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        """Store a new run."""
        if dagster_run.remote_job_origin is None:
            repository = RemoteRepositoryOrigin(
                RegisteredCodeLocationOrigin(CODE_LOCATION), SINGLETON_REPOSITORY_NAME
            )
            origin = RemoteJobOrigin(repository, dagster_run.job_name)
            dagster_run = dagster_run._replace(remote_job_origin=origin)
        return super().add_run(dagster_run)


class BriefPlans(PostgresEventLogStorage):
    """Event storage in which a long range is planned by one event per asset, not per partition.

    A click on "Materialize all" plans every hour since the first. With one event and one row per
    hour, asset and check, the start of that run would take minutes.
    """

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Let Dagster plan all partitions of an asset in one event."""
        return True

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; split the plan of a short range into one event per partition.

        Dagster's UI needs these events to show which partitions have failed with their run.
        """
        planned = event.dagster_event and event.dagster_event.event_specific_data
        if not isinstance(planned, AssetMaterializationPlannedData) or _is_long(planned):
            super().store_event(event)
            return
        subset = planned.partitions_subset
        for key in subset.get_partition_keys() if subset else [planned.partition]:
            data = AssetMaterializationPlannedData(planned.asset_key, partition=key)
            one = event.get_dagster_event()._replace(event_specific_data=data)
            super().store_event(event._replace(dagster_event=one))

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        # Later, each evaluation of a check creates its own row if none was planned.
        if not _is_long(event.get_dagster_event().event_specific_data):
            super()._store_asset_check_evaluation_planned(event, event_id)


def _is_long(planned: Any) -> bool:
    subset = planned.partitions_subset
    return subset is not None and len(subset) > MAX_PLANNED_APART


class CryptoassetsStorage(_Unconfigured, DagsterPostgresStorage):
    """Runs, events and schedules in the database `dagster`; starts an embedded server if needed."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._run_storage = LocatedRuns(postgres_url)
        self._event_log_storage = BriefPlans(postgres_url)

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Create the storage on the server that the settings name, else on the embedded server."""
        # Each Dagster process calls this before it writes a file. The umask lets only our user read
        # these files, even if plain `dagster dev` was started.
        os.umask(0o077)
        url = libpq.dagster_url(dagster_stack().postgres_url("dagster"))
        return cls(postgres_url=url, inst_data=inst_data)


class HomeComputeLogs(_Unconfigured, LocalComputeLogManager):
    """The output of steps, stored in files below our home."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Choose the folder."""
        folder = dagster_stack().dagster_home / "storage"
        return cls(base_dir=str(folder), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Let Dagster's helper processes show the step's output and copy it to files.

        Ctrl-C also reaches these processes. They ignore it, so that they show the output that
        follows and print no traceback of their own.
        """
        with ExitStack() as stack:
            capture = super().capture_logs(log_key)
            # New processes inherit the set of blocked signals.
            previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                context = stack.enter_context(capture)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, previous)
            yield context


class HomeArtifacts(_Unconfigured, LocalArtifactStorage):
    """Files that Dagster keeps for runs, stored below our home."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Choose the folder."""
        return cls(base_dir=str(dagster_stack().dagster_home), inst_data=inst_data)
