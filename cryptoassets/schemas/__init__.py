"""The tables as plain data: columns, types, units, nullability, keys and comments.

What goes here: what a row of each store looks like. The Spark schema, the COPY column lists, the
checks and the docs are derived from it. What stays out: the DDL (frozen in `migrations`; a test
compares the two) and every computation (in `transforms`).
"""

from cryptoassets.schemas.columns import PRICE_MEASURES
from cryptoassets.schemas.flows import (
    ALTERNATIVE_INPUT,
    FLOWS,
    HISTORY_FLOW,
    SNAPSHOT_FLOW,
    Flow,
    flow_into,
    flow_named,
    flow_of,
    span_of,
)
from cryptoassets.schemas.intervals import INTERVAL_MS
from cryptoassets.schemas.lake import (
    CLEAN_COIN_PRICE_HISTORY,
    CLEAN_COIN_PRICES,
    NUMBER_KEY,
    RAW_COIN_HISTORY,
    RAW_COIN_SNAPSHOTS,
)
from cryptoassets.schemas.marts import COIN_DAILY, COIN_LATEST, MARKET_DAILY
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
    GAPS,
    LOAD_HISTORY,
    LOADS,
    MART_LOADS,
    PARTITION_LOCKS,
    QUARANTINE,
    QUARANTINE_RELEASES,
)

POSTGRES_TABLES = (
    COINS,
    COIN_PRICES,
    COIN_PRICE_HISTORY,
    QUARANTINE,
    QUARANTINE_RELEASES,
    LOADS,
    LOAD_HISTORY,
    MART_LOADS,
    GAPS,
    CREDITS,
    COIN_ALIASES,
    PARTITION_LOCKS,
    COIN_DAILY,
    MARKET_DAILY,
    COIN_LATEST,
)
"""Tables and views of PostgreSQL, in the order in which data flows through them."""

__all__ = [
    "ALTERNATIVE_INPUT",
    "CLEAN_COIN_PRICES",
    "CLEAN_COIN_PRICE_HISTORY",
    "COINS",
    "COIN_ALIASES",
    "COIN_DAILY",
    "COIN_LATEST",
    "COIN_PRICES",
    "COIN_PRICE_HISTORY",
    "CREDITS",
    "DECIMAL_PRECISION",
    "DECIMAL_SCALE",
    "FLOWS",
    "GAPS",
    "HISTORY_FLOW",
    "INTERVAL_MS",
    "LOADS",
    "LOAD_HISTORY",
    "MARKET_DAILY",
    "MART_LOADS",
    "NUMBER_KEY",
    "PARTITION_LOCKS",
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
    "Table",
    "flow_into",
    "flow_named",
    "flow_of",
    "span_of",
    "table_named",
]

_TABLES = {
    table.full_name: table
    for table in (*(table for flow in FLOWS for table in (flow.raw, flow.clean)), *POSTGRES_TABLES)
}


def table_named(name: str) -> Table:
    """The table with a full name, such as `warehouse.coin_prices` or `raw.coin_snapshots`.

    Raises:
        KeyError: there is none.
    """
    return _TABLES[name]
