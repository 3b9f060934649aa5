"""The storage classes named in `dagster.yaml`: Dagster's files in our home, its runs on PostgreSQL.

What goes here: subclasses of Dagster's classes that take their folder or URL from our settings.
What stays out: any storage logic. `dagster.yaml` names these classes because it has no way to refer
to "the embedded server".
"""

import os
from typing import Any, Self

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from cryptoassets import libpq
from cryptoassets.embedded.dagster_home import dagster_stack


class _Unconfigured:
    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Take no configuration: everything comes from the settings."""
        return {}


class CryptoassetsStorage(_Unconfigured, DagsterPostgresStorage):
    """Runs, events and schedules in the database `dagster`; an embedded server is started."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Create the storage on the server that the settings name."""
        # Each Dagster process calls this before it writes a file. Only our user may read our files,
        # also under plain `dagster dev`.
        os.umask(0o077)
        url = libpq.dagster_url(dagster_stack().postgres_url("dagster"))
        return cls(postgres_url=url, inst_data=inst_data)


class HomeComputeLogs(_Unconfigured, LocalComputeLogManager):
    """The output of steps, in files below our home."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Choose the folder."""
        folder = dagster_stack().dagster_home / "storage"
        return cls(base_dir=str(folder), inst_data=inst_data)


class HomeArtifacts(_Unconfigured, LocalArtifactStorage):
    """Files that Dagster keeps for runs, below our home."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Choose the folder."""
        return cls(base_dir=str(dagster_stack().dagster_home), inst_data=inst_data)
