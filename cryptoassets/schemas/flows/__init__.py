"""All flows: every `Flow` that a module of this package declares.

What goes here: one module per flow, with its raw table, its cleaned table and its `Flow`; modules
are found without registration. What stays out: the class `Flow` (in `schemas.flow`).
docs/extending.md shows how to add a flow. Keep the imports of these modules few and fast, because
Spark's workers import them.
"""

from datetime import timedelta

from cryptoassets.schemas.declared import declared_in
from cryptoassets.schemas.flow import Flow
from cryptoassets.schemas.table import Table


def _declared() -> list[Flow]:
    """Return all flows, sorted by the time between fetches; flows of past values are last."""
    return sorted(
        declared_in(__name__, __path__, Flow),
        key=lambda flow: (flow.every if flow.every is not None else timedelta.max, flow.asset),
    )


FLOWS = _declared()
"""All flows, in a list rather than a tuple, so that a test can add a flow temporarily."""


def flow_into(table: Table) -> Flow | None:
    """Return the flow that publishes a table; None if no flow does."""
    return next((flow for flow in FLOWS if flow.published is table), None)


def flow_of(table: Table) -> Flow | None:
    """Return the flow whose raw, cleaned or published table this is; None for other tables."""
    return next((f for f in FLOWS if table in (f.raw, f.clean, f.published)), None)


def span_of(table: Table) -> timedelta:
    """Return the length of a table's partitions.

    Raises:
        KeyError: the table belongs to no flow.
    """
    flow = flow_of(table)
    if flow is None:
        raise KeyError(table.full_name)
    return flow.span


def flow_named(asset: str) -> Flow:
    """Return the flow of a published asset.

    Args:
        asset: the asset's key, as stored in the ledger.

    Raises:
        KeyError: no flow publishes this asset.
    """
    return {flow.asset: flow for flow in FLOWS}[asset]


ALTERNATIVE_INPUT = "cryptoassets/or_else"
"""Metadata key of an input; the value is the key of another published asset. At least one of the
two assets must have been published in the range of partitions."""
COLUMNS_OF_INPUT = "columns"
"""Metadata key of an input from PostgreSQL; the value lists the columns to read. Without this key,
all columns are read."""
MAY_BE_EMPTY = "cryptoassets/may_be_empty"
"""Metadata key of an input for which a range without rows is not an error."""
