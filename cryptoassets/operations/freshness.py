"""Freshness: how old the newest row of a table is by market time, compared with the allowed age.

What goes here: reading the age, and the sentence that `run` and `status` show. What stays out: the
allowed age (declared by each asset). Dagster's own page compares the age of the newest
materialization with the same allowed age, because Dagster does not know the rows' times.
"""

from dataclasses import dataclass
from datetime import timedelta

from cryptoassets.monitoring.warehouse import Connection, newest_row
from cryptoassets.schemas import Table


@dataclass(frozen=True)
class Freshness:
    """The age of a table's newest row by PostgreSQL's clock; None if the table is empty."""

    age_seconds: float | None
    allowed_seconds: float
    is_fresh: bool

    def sentence(self) -> str:
        """Describe the freshness of prices in one sentence."""
        if self.age_seconds is None:
            return "No price has been published yet."
        minutes, allowed = self.age_seconds / 60, self.allowed_seconds / 60
        name, digits = ("Freshness", 1) if self.is_fresh else ("Stale", 0)
        return (
            f"{name}: the newest price is {minutes:.{digits}f} min old (limit: {allowed:.0f} min)."
        )


def read_freshness(connection: Connection, table: Table, allowed: timedelta) -> Freshness:
    """Read the age of the newest row by `observed_at`, and compare it with the allowed age."""
    age = newest_row(connection, table).age
    return Freshness(
        age_seconds=None if age is None else round(age.total_seconds(), 1),
        allowed_seconds=allowed.total_seconds(),
        is_fresh=age is not None and age <= allowed,
    )
