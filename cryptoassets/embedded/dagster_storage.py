"""What Dagster keeps, below our home and on our PostgreSQL: the classes named in `dagster.yaml`.

What goes here: classes that find their place by our settings and hand over to Dagster's own. What
stays out: any logic of storage. The file names them, as it cannot say "the embedded server".
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
        """Take no configuration: the settings say all."""
        return {}


class CryptoassetsStorage(_Unconfigured, DagsterPostgresStorage):
    """Runs, events and schedules in the database `dagster`; an embedded server is started."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Make the storage on the server of the settings."""
        # Each process of Dagster passes here before it writes a file: ours are our user's alone,
        # also where plain `dagster dev` was started.
        os.umask(0o077)
        url = libpq.dagster_url(dagster_stack().postgres_url("dagster"))
        return cls(postgres_url=url, inst_data=inst_data)


class HomeComputeLogs(_Unconfigured, LocalComputeLogManager):
    """What steps print, in files below our home."""

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ARG003
    ) -> Self:
        """Place the files."""
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
        """Place the files."""
        return cls(base_dir=str(dagster_stack().dagster_home), inst_data=inst_data)
