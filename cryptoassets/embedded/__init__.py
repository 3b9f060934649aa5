"""Stores, source, Java and Dagster's home without Docker: starts what the settings do not name.

What goes here: finding programs, starting and stopping them, providing URLs. What stays out:
connections (in `resources`), the commands `up` and `down` (in `cli`).
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
