"""The two ways of a raw document: which tables it passes through, and how long a partition is.

What goes here: the pairing of raw, cleaned and published tables, named once. What stays out: the
tables themselves (in `lake`, `warehouse`) and every step on the way.
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
    """One kind of raw document on its way to PostgreSQL.

    Attributes:
        raw: as loaded from the collection of the same name.
        clean: one judged row a raw document; Parquet.
        published: where valid rows go; has a ledger row a partition.
        span: length of a partition.
        is_by_month: the published table has a partition a UTC month.
    """

    raw: Table
    clean: Table
    published: Table
    span: timedelta
    is_by_month: bool = False

    @property
    def asset(self) -> str:
        """The published asset's key as the ledger and the quarantine name it."""
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
    """The flow that a table is published by; None: its rows are no judged documents."""
    return next((flow for flow in FLOWS if flow.published is table), None)


def flow_named(asset: str) -> Flow:
    """The flow of a published asset, by its key as the ledger names it.

    Raises:
        KeyError: there is none.
    """
    return {flow.asset: flow for flow in FLOWS}[asset]


OR_ELSE = "cryptoassets/or_else"
"""Metadata of an input: another published asset; one of the two may lack the range."""
