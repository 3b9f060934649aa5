"""What a mart is computed from, and which publications of its inputs a run has read.

What goes here: the versions of the inputs. What stays out: which inputs a mart has (in
`schemas.marts`), recording publications and refusing old inputs (in `publications`), and which
marts are stale (in `upkeep.days`).

The version of an input on a day is the sum of the publication numbers of its partitions of that
day. A partition's number only grows, so a publication always increases the sum.

`marts/coin_daily` depends on the prices of 30 earlier days, but for most of these days it reads the
closes in its own rows. The versions for such a day are those from which the mart's rows of that day
were computed. Therefore a day stays stale until the days before it are up to date.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta

from psycopg import sql

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import (
    COIN_ALIASES,
    COIN_DAILY,
    Table,
    asset_of,
    mart_named,
)
from cryptoassets.schemas.marts.coin_daily import DAYS_READ_BACK
from cryptoassets.stores.publishing import Cursor

ALIASES_HASH = sql.SQL("""(
    SELECT md5(coalesce(string_agg(alias || ' ' || coin_id, ',' ORDER BY alias COLLATE "C"), ''))
    FROM warehouse.coin_aliases
)""")
"""SQL that computes the hash of the aliases, as stored in `warehouse.mart_loads`."""

_NUMBERS = """
    SELECT asset || ' ' || left(partition_key, 10), sum(publication)::bigint FROM (
        SELECT asset, partition_key, publication FROM warehouse.loads WHERE expired_at IS NULL
        UNION ALL SELECT asset, partition_key, publication FROM warehouse.mart_loads
    ) AS published
    WHERE asset = ANY(%s) AND left(partition_key, 10) BETWEEN %s AND %s AND publication > 0
    GROUP BY 1
"""
_EARLIER = """
    SELECT partition_key::date, inputs, aliases_hash FROM warehouse.mart_loads
    WHERE asset = %s AND partition_key BETWEEN %s AND %s
"""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Inputs:
    """The versions of the inputs from which one partition of a mart is computed.

    Attributes:
        numbers: maps `<asset> <day>` to the version of the input on that day.
        aliases_hash: hash of the aliases that were read; None if the mart does not read them.
        has_old_aliases: whether the partition depends on an earlier day that was computed with
            other aliases.
    """

    numbers: dict[str, int]
    aliases_hash: str | None
    has_old_aliases: bool = False

    @property
    def recorded_hash(self) -> str | None:
        """The aliases' hash to store; None if old aliases were used, so the mart stays stale."""
        return None if self.has_old_aliases else self.aliases_hash


@dataclass
class InputsRead:
    """The versions of the inputs that a run has read; they match the rows that the run has read."""

    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    _earlier: dict[date, tuple[dict[str, int], str | None]] = field(default_factory=dict)
    _aliases_hash: str | None = None

    def note(self, cursor: Cursor, table: Table, window: Span | None) -> dict[str, int]:
        """Read the versions of an input, in the database snapshot from which its rows are read.

        Returns:
            As `Inputs.numbers`; empty if the input has no partitions.
        """
        if table is COIN_ALIASES:
            self._aliases_hash = aliases_hash_now(cursor)
        elif window is not None:
            asset = asset_of(table)
            first, last = window[0].date(), (window[1] - timedelta(microseconds=1)).date()
            self._numbers[asset] = numbers_of(cursor, [asset], first, last)
            if table is COIN_DAILY:
                found = cursor.execute(_EARLIER, [asset, str(first), str(last)]).fetchall()
                self._earlier = {day: (inputs, aliases) for day, inputs, aliases in found}
            return self._numbers[asset]
        return {}

    def of(self, mart: str, day: date, first: date) -> Inputs:
        """The versions of the inputs of one partition of a mart.

        Args:
            mart: the mart.
            day: its partition.
            first: first day of the run. For days more than `DAYS_READ_BACK` days before it,
                `coin_daily` reads its own rows instead of prices.
        """
        made_from = mart_named(mart)
        read_from = first - DAYS_READ_BACK * _DAY
        numbers: dict[str, int] = {}
        has_old_aliases = False
        for back in range(made_from.lookback_days + 1):
            input_day = day - back * _DAY
            is_read = input_day >= read_from
            inputs, aliases = self._earlier.get(input_day, ({}, self._aliases_hash))
            has_old_aliases |= not is_read and aliases != self._aliases_hash
            for asset in made_from.input_assets:
                name = f"{asset} {input_day}"
                number = (self._numbers.get(asset, {}) if is_read else inputs).get(name)
                if number is not None:
                    numbers[name] = number
        aliases_hash = self._aliases_hash if made_from.has_aliases else None
        return Inputs(numbers, aliases_hash, has_old_aliases)

    def clear(self) -> None:
        """Forget all versions, at the end of the run."""
        self._numbers.clear()
        self._earlier.clear()
        self._aliases_hash = None


def numbers_of(cursor: Cursor, assets: Collection[str], first: date, last: date) -> dict[str, int]:
    """Versions of the assets on the days from `first` to `last`, as in `Inputs.numbers`."""
    return dict(cursor.execute(_NUMBERS, [list(assets), str(first), str(last)]).fetchall())


def readable_inputs(cursor: Cursor, mart: str, day: date, first: date) -> Inputs:
    """The versions that a run whose first day is `first` would read now for a mart's partition."""
    made_from = mart_named(mart)
    oldest = day - made_from.lookback_days * _DAY
    numbers = {asset: numbers_of(cursor, [asset], oldest, day) for asset in made_from.input_assets}
    read = InputsRead(numbers)
    if made_from.lookback_days:
        found = cursor.execute(_EARLIER, [mart, str(oldest), str(day)]).fetchall()
        read = InputsRead(numbers, {day: (inputs, aliases) for day, inputs, aliases in found})
    return read.of(mart, day, first)


def aliases_hash_now(cursor: Cursor) -> str:
    """The hash of the aliases as they are now."""
    (found,) = cursor.execute(sql.SQL("SELECT {}").format(ALIASES_HASH)).fetchone() or ("",)
    return str(found)
