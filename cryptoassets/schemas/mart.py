"""The class `Mart`: a table with one set of rows per UTC day, computed from other tables.

What goes here: the class, and columns that several marts have. What stays out: the individual
marts (in `schemas.marts`, one module each), and the computation (in `transforms`).
"""

from dataclasses import dataclass

from cryptoassets.schemas.flow import asset_of
from cryptoassets.schemas.table import Column, Table

DAY = Column("day", "date", "UTC day")
OBSERVED_BY = "What the prices come from: snapshots, history or mixed"


@dataclass(frozen=True)
class Mart:
    """A mart, and what its rows depend on. If an input of a day changes, `run` recomputes the day.

    Attributes:
        table: has a column `day` (date) or `start_at` (timestamptz).
        inputs: the published tables and marts that the mart's asset reads.
        assets: the module with the asset declaration.
        lookback_days: number of earlier days on which a day's rows depend; 0 for most marts.
        has_aliases: whether the asset reads `warehouse.coin_aliases`.
        merged: marts whose stored rows are also used when this mart is published, e.g. daily rows
            for weekly candles.
    """

    table: Table
    inputs: tuple[Table, ...]
    assets: str
    lookback_days: int = 0
    has_aliases: bool = False
    merged: tuple[Table, ...] = ()

    @property
    def asset(self) -> str:
        """The asset's key, e.g. `marts/coin_daily`."""
        return asset_of(self.table)

    @property
    def reads_marts(self) -> bool:
        """Whether another mart must be computed first."""
        return any(one.schema == self.table.schema for one in (*self.inputs, *self.merged))

    @property
    def input_assets(self) -> tuple[str, ...]:
        """The keys of the assets in `inputs`."""
        return tuple(map(asset_of, self.inputs))

    @property
    def merged_assets(self) -> tuple[str, ...]:
        """The keys of the assets in `merged`."""
        return tuple(map(asset_of, self.merged))
