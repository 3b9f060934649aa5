"""Dagster's instance for commands and tests: always the root's `dagster.yaml`.

What goes here: loading it, and the environment for `dagster` as a subprocess. What stays out: the
classes that the file names (in `dagster_storage`).
"""

import os
from typing import TYPE_CHECKING

from cryptoassets.settings import project_root

if TYPE_CHECKING:
    from dagster import DagsterInstance


def dagster_instance() -> "DagsterInstance":
    """Open the instance, whatever the current folder is; the caller closes it (`with`).

    DAGSTER_HOME, when set, wins as it does for every command of Dagster.
    """
    from dagster import DagsterInstance  # noqa: PLC0415 -- seconds of imports

    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    if os.environ.get("DAGSTER_HOME"):
        return DagsterInstance.get()
    return DagsterInstance.from_config(str(project_root()))


def dagster_environment() -> dict[str, str]:
    """Return the environment for a `dagster` subprocess; run it in the project's root.

    Dagster reads the root's `dagster.yaml` from the current folder when DAGSTER_HOME is not set.
    """
    return dict(os.environ) | {"DAGSTER_DISABLE_TELEMETRY": "1"}
