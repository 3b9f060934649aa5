"""The tables as plain data: columns, types, units, nullability, keys and comments.

What goes here: the structure of the rows in each store. The Spark schema, the COPY column lists,
the checks and the docs are derived from these definitions. What stays out: the DDL (frozen in
`migrations`; a test compares the two) and all computations (in `transforms`).
"""

from cryptoassets.schemas.columns import PRICE_MEASURES
from cryptoassets.schemas.flow import Flow, RawTable, asset_of
from cryptoassets.schemas.flows import (
    ALTERNATIVE_INPUT,
    COLUMNS_OF_INPUT,
    FLOWS,
    MAY_BE_EMPTY,
    flow_into,
    flow_named,
    flow_of,
    span_of,
)
from cryptoassets.schemas.flows.history import (
    CLEAN_COIN_PRICE_HISTORY,
    HISTORY_FLOW,
    RAW_COIN_HISTORY,
)
from cryptoassets.schemas.flows.snapshots import (
    CLEAN_COIN_PRICES,
    RAW_COIN_SNAPSHOTS,
    SNAPSHOT_FLOW,
)
from cryptoassets.schemas.intervals import INTERVAL_MS
from cryptoassets.schemas.lengths import CANDLE_MS
from cryptoassets.schemas.mart import Mart
from cryptoassets.schemas.marts import MARTS, mart_named
from cryptoassets.schemas.marts.coin_candles import COIN_CANDLES
from cryptoassets.schemas.marts.coin_daily import COIN_DAILY
from cryptoassets.schemas.marts.coin_latest import COIN_LATEST
from cryptoassets.schemas.marts.market_daily import MARKET_DAILY
from cryptoassets.schemas.monitoring import ALERTS, LAST_RUNS, PIPELINE_DAILY
from cryptoassets.schemas.table import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    Column,
    ColumnType,
    Table,
)
from cryptoassets.schemas.warehouse import (
    COIN_ALIASES,
    COIN_PRICE_HISTORY,
    COIN_PRICES,
    COINS,
    CREDITS,
    ECB_RATES,
    GAPS,
    LOAD_HISTORY,
    LOADS,
    MART_LOADS,
    PARTITION_LOCKS,
    QUARANTINE,
    QUARANTINE_RELEASES,
)

NUMBER_KEY = "$numberDecimal"
"""In payloads, an object whose only key is this one represents a number, written as text."""

POSTGRES_TABLES = (
    COINS,
    *(flow.published for flow in FLOWS),
    QUARANTINE,
    QUARANTINE_RELEASES,
    LOADS,
    LOAD_HISTORY,
    MART_LOADS,
    GAPS,
    CREDITS,
    ECB_RATES,
    COIN_ALIASES,
    PARTITION_LOCKS,
    PIPELINE_DAILY,
    ALERTS,
    LAST_RUNS,
    *(mart.table for mart in MARTS),
    COIN_LATEST,
)
"""Tables and views in PostgreSQL, in the order in which data flows through them."""
_OWN_ASSETS = (QUARANTINE, COIN_ALIASES)
"""Tables that are assets, but are published by no flow and are no marts."""

__all__ = [
    "ALERTS",
    "ALTERNATIVE_INPUT",
    "CANDLE_MS",
    "CLEAN_COIN_PRICES",
    "CLEAN_COIN_PRICE_HISTORY",
    "COINS",
    "COIN_ALIASES",
    "COIN_CANDLES",
    "COIN_DAILY",
    "COIN_LATEST",
    "COIN_PRICES",
    "COIN_PRICE_HISTORY",
    "COLUMNS_OF_INPUT",
    "CREDITS",
    "DECIMAL_PRECISION",
    "DECIMAL_SCALE",
    "ECB_RATES",
    "FLOWS",
    "GAPS",
    "HISTORY_FLOW",
    "INTERVAL_MS",
    "LAST_RUNS",
    "LOADS",
    "LOAD_HISTORY",
    "MARKET_DAILY",
    "MARTS",
    "MART_LOADS",
    "MAY_BE_EMPTY",
    "NUMBER_KEY",
    "PARTITION_LOCKS",
    "PIPELINE_DAILY",
    "POSTGRES_TABLES",
    "PRICE_MEASURES",
    "QUARANTINE",
    "QUARANTINE_RELEASES",
    "RAW_COIN_HISTORY",
    "RAW_COIN_SNAPSHOTS",
    "SNAPSHOT_FLOW",
    "Column",
    "ColumnType",
    "Flow",
    "Mart",
    "RawTable",
    "Table",
    "asset_keys",
    "asset_of",
    "flow_into",
    "flow_named",
    "flow_of",
    "mart_named",
    "span_of",
    "table_named",
]


def asset_keys() -> list[str]:
    """Return the keys of all assets, sorted."""
    of_flows = (key for flow in FLOWS for key in flow.asset_keys)
    of_tables = (asset_of(table) for table in (*_OWN_ASSETS, *(mart.table for mart in MARTS)))
    return sorted({*of_flows, *of_tables})


def table_named(name: str) -> Table:
    """Return the table with this full name, e.g. `warehouse.coin_prices` or `raw.coin_snapshots`.

    Raises:
        KeyError: there is no such table.
    """
    of_flows = (table for flow in FLOWS for table in (flow.raw, flow.clean, flow.published))
    of_marts = (mart.table for mart in MARTS)
    tables = {table.full_name: table for table in (*of_flows, *of_marts, *POSTGRES_TABLES)}
    return tables[name]
