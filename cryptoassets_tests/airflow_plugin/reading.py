"""Reads a run with the plugin's query, but without a webserver: GraphQL runs in this process."""

import asyncio
from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.loader import LoadingContextForTest

from cryptoassets_airflow.graphql import EVENTS


class _Context(LoadingContextForTest):
    """The part of a webserver's context that the query needs."""

    records_for_run_default_limit = None


def events_of(instance: dg.DagsterInstance, run_id: str) -> Sequence[dict[str, Any]]:
    """Return the events of a run, in order."""
    from dagster_graphql.schema import create_schema  # noqa: PLC0415 - some environments lack it

    response = asyncio.run(
        create_schema().execute_async(
            EVENTS, context_value=_Context(instance), variable_values={"runId": run_id}
        )
    )
    assert not response.errors
    events: Sequence[dict[str, Any]] = response.data["runOrError"]["eventConnection"]["events"]
    return events
