"""The two flows of raw documents: which tables they pass through, and how long a partition is.

What goes here: which raw, cleaned and published tables belong together. What stays out: the
tables themselves (in `lake`, `warehouse`) and the processing steps.
"""

from dataclasses import dataclass
from datetime import timedelta

from cryptoassets.schemas.lake import (
    CLEAN_COIN_PRICE_HISTORY,
    CLEAN_COIN_PRICES,
    RAW_COIN_HISTORY,
    RAW_COIN_SNAPSHOTS,
)
from cryptoassets.schemas.table import Table
from cryptoassets.schemas.warehouse import COIN_PRICE_HISTORY, COIN_PRICES


@dataclass(frozen=True)
class Flow:
    """The tables that one kind of raw document passes through on its way to PostgreSQL.

    Attributes:
        raw: rows as loaded from the MongoDB collection of the same name.
        clean: Parquet with one judged row per raw document.
        published: the table of valid rows; it has one ledger row per partition.
        span: length of a partition.
        is_by_month: whether the published table is partitioned by UTC month.
    """

    raw: Table
    clean: Table
    published: Table
    span: timedelta
    is_by_month: bool = False

    @property
    def asset(self) -> str:
        """The published asset's key, as it is written in the ledger and the quarantine."""
        return f"{self.published.schema}/{self.published.name}"

    @property
    def judged_columns(self) -> tuple[str, ...]:
        """Columns of `clean` that a publication needs."""
        return (*self.published.column_names, "outcome", "reasons", "payload")


SNAPSHOT_FLOW = Flow(
    RAW_COIN_SNAPSHOTS, CLEAN_COIN_PRICES, COIN_PRICES, span=timedelta(hours=1), is_by_month=True
)
HISTORY_FLOW = Flow(
    RAW_COIN_HISTORY, CLEAN_COIN_PRICE_HISTORY, COIN_PRICE_HISTORY, timedelta(days=1)
)
FLOWS = (SNAPSHOT_FLOW, HISTORY_FLOW)


def flow_into(table: Table) -> Flow | None:
    """The flow that publishes a table; None if its rows are not judged documents."""
    return next((flow for flow in FLOWS if flow.published is table), None)


def flow_of(table: Table) -> Flow | None:
    """The flow that a table belongs to: its raw, cleaned or published rows."""
    return next((f for f in FLOWS if table in (f.raw, f.clean, f.published)), None)


def span_of(table: Table) -> timedelta:
    """The length of a partition of a table.

    Raises:
        KeyError: the table belongs to no flow.
    """
    flow = flow_of(table)
    if flow is None:
        raise KeyError(table.full_name)
    return flow.span


def flow_named(asset: str) -> Flow:
    """The flow of a published asset, by the asset's key in the ledger.

    Raises:
        KeyError: no flow publishes this asset.
    """
    return {flow.asset: flow for flow in FLOWS}[asset]


ALTERNATIVE_INPUT = "cryptoassets/or_else"
"""Metadata key of an input: another published asset. Either of the two may lack the range."""
