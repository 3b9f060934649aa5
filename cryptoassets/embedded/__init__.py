"""Embedded mode: runs the stores and the source that the settings do not name, without Docker.

What goes here: finding programs and Java, starting and stopping servers, providing URLs and
Dagster's home. What stays out: connections (in `resources`), the commands `up` and `down` (in
`cli`).
"""

from cryptoassets.embedded.dagster_home import (
    dagster_environment,
    dagster_instance,
    dagster_stack,
)
from cryptoassets.embedded.server import ServerStatus, not_running, starting_nothing
from cryptoassets.embedded.stack import Stack

__all__ = [
    "ServerStatus",
    "Stack",
    "dagster_environment",
    "dagster_instance",
    "dagster_stack",
    "not_running",
    "starting_nothing",
]
