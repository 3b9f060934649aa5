"""Publication numbers: what changed when, and from which publications a mart was computed.

What goes here: recording a publication, the numbers of a mart's inputs, and refusing inputs that
are older than those of the existing mart. What stays out: the rows (in `publishing`), and which
marts are stale (in `upkeep.days`).

A number is drawn from a sequence while the lock of the partition is held, so the later of two
publications of a partition has the larger number. A partition keeps its number until rows of its
table change, so marts do not become stale if nothing changed.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from cryptoassets.errors import OlderInputsError
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import COIN_ALIASES, FLOWS, Table
from cryptoassets.stores.publishing import Changes, Cursor, Load
from cryptoassets.transforms.marts import LOOKBACK_DAYS

ALIASES_HASH = sql.SQL("""(
    SELECT md5(coalesce(string_agg(alias || ' ' || coin_id, ',' ORDER BY alias COLLATE "C"), ''))
    FROM warehouse.coin_aliases
)""")
"""SQL that computes the hash of the aliases, as stored in `warehouse.mart_loads`."""

_NUMBERS = """
    SELECT asset || ' ' || partition_key, publication FROM (
        SELECT asset, partition_key, publication FROM warehouse.loads WHERE expired_at IS NULL
        UNION ALL SELECT asset, partition_key, publication FROM warehouse.mart_loads
    ) AS published
    WHERE asset = ANY(%s) AND left(partition_key, 10) BETWEEN %s AND %s AND publication > 0
"""
_RECORD = """
    INSERT INTO warehouse.load_history (publication, asset, partition_key, run_id, raw_rows,
        loaded_rows, quarantined_rows, superseded_rows, rows_written, rows_removed, published_at)
    VALUES (nextval('warehouse.publications'), %(asset)s, %(partition_key)s, %(run_id)s,
        %(raw_rows)s, %(loaded_rows)s, %(quarantined_rows)s, %(superseded_rows)s,
        %(rows_written)s, %(rows_removed)s, now())
    RETURNING publication
"""
_EXISTING_MART = """
    SELECT publication, inputs, aliases_hash FROM warehouse.mart_loads
    WHERE asset = %s AND partition_key = %s
"""
_WRITE_MART = """
    INSERT INTO warehouse.mart_loads (asset, partition_key, run_id, publication, loaded_rows,
        inputs, aliases_hash, loaded_at)
    VALUES (%(asset)s, %(partition_key)s, %(run_id)s, %(publication)s, %(loaded_rows)s,
        %(inputs)s, %(aliases_hash)s, now())
    ON CONFLICT (asset, partition_key) DO UPDATE SET run_id = EXCLUDED.run_id,
        publication = EXCLUDED.publication, loaded_rows = EXCLUDED.loaded_rows,
        inputs = EXCLUDED.inputs, aliases_hash = EXCLUDED.aliases_hash,
        loaded_at = EXCLUDED.loaded_at
"""
_NOT_JUDGED = dict.fromkeys(("raw_rows", "quarantined_rows", "superseded_rows"))


@dataclass(frozen=True)
class Mart:
    """The inputs of a mart.

    Attributes:
        assets: assets whose partitions it reads.
        lookback_days: number of days before its own that it reads.
        has_aliases: whether it reads `warehouse.coin_aliases`.
    """

    assets: tuple[str, ...]
    lookback_days: int
    has_aliases: bool


MARTS = {
    "marts/coin_daily": Mart(tuple(flow.asset for flow in FLOWS), LOOKBACK_DAYS, has_aliases=True),
    "marts/market_daily": Mart(("marts/coin_daily",), 0, has_aliases=False),
}


@dataclass(frozen=True)
class MartLoad:
    """One publication of a mart: the UTC day as Dagster's key, and the number of rows."""

    asset: str
    partition_key: str
    run_id: str
    loaded_rows: int


@dataclass(frozen=True)
class Inputs:
    """The version of the inputs of a mart partition.

    Attributes:
        numbers: maps `<asset> <partition key>` to the publication number.
        aliases_hash: hash of the aliases; None if the mart does not read them.
    """

    numbers: dict[str, int]
    aliases_hash: str | None


@dataclass
class InputsRead:
    """The versions of the inputs that a run has read; they match the rows that it has read."""

    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    _aliases_hash: str | None = None

    def note(self, cursor: Cursor, table: Table, window: Span | None) -> None:
        """Read the version of an input, in the same database snapshot as its rows."""
        if table is COIN_ALIASES:
            self._aliases_hash = _aliases_hash(cursor)
        elif window is not None:
            asset = f"{table.schema}/{table.name}"
            first, last = window[0].date(), (window[1] - timedelta(microseconds=1)).date()
            self._numbers[asset] = numbers_of(cursor, [asset], first, last)

    def of(self, mart: str, day: date) -> Inputs:
        """The version of the inputs of one partition of a mart."""
        made_from = MARTS[mart]
        first, last = str(day - timedelta(days=made_from.lookback_days)), str(day)
        return Inputs(
            {
                name: number
                for asset in made_from.assets
                for name, number in self._numbers.get(asset, {}).items()
                if first <= name.removeprefix(f"{asset} ")[:10] <= last
            },
            self._aliases_hash if made_from.has_aliases else None,
        )

    def clear(self) -> None:
        """Delete all recorded versions at the end of the run."""
        self._numbers.clear()
        self._aliases_hash = None


def numbers_of(cursor: Cursor, assets: Collection[str], first: date, last: date) -> dict[str, int]:
    """Publication numbers of the partitions from `first` to `last`, as in `Inputs.numbers`."""
    return dict(cursor.execute(_NUMBERS, [list(assets), str(first), str(last)]).fetchall())


def record_load(cursor: Cursor, load: Load, changes: Changes, *, is_other: bool) -> int:
    """Record a publication of judged rows if it changed something; call it under the lock.

    Args:
        cursor: cursor in the publishing transaction.
        load: counts of the publication.
        changes: changes of the table.
        is_other: whether the counts or the quarantine changed.

    Returns:
        The number of the publication; 0 if it changed nothing and is not recorded.
    """
    if not (changes or is_other):
        return 0
    return _record(cursor, {**asdict(load), **asdict(changes)})


def refuse_older_inputs(cursor: Cursor, mart: str, day: date, inputs: Inputs) -> None:
    """Refuse inputs that are older than those of the existing mart; call it under its lock.

    Raises:
        OlderInputsError: names one older input. The inputs must be read again.
    """
    made_from = MARTS[mart]
    existing = _existing_mart(cursor, mart, str(day))
    if existing is None:
        return
    _, numbers, aliases_hash = existing
    older = [name for name, number in numbers.items() if inputs.numbers.get(name, 0) < number]
    if older:
        # If the ledger was restored or partly deleted, there may be no newer input to read.
        first = day - timedelta(days=made_from.lookback_days)
        now = numbers_of(cursor, made_from.assets, first, day)
        older = [name for name in older if inputs.numbers.get(name, 0) < now.get(name, 0)]
    # Hashes have no order. One is older if it is neither the mart's nor the current one.
    if inputs.aliases_hash not in (aliases_hash, _aliases_hash(cursor)):
        older.append("warehouse/coin_aliases")
    if older:
        raise OlderInputsError(
            f"{mart} {day} was made meanwhile from a newer publication of {older[0]} than this run "
            "has read; nothing was published. A retry helps: it reads the inputs again"
        )


def write_mart_load(cursor: Cursor, load: MartLoad, changes: Changes, inputs: Inputs) -> None:
    """Store the inputs of a mart partition, and record the publication if it changed rows.

    Args:
        cursor: cursor in the publishing transaction, which holds the lock of the partition.
        load: the partition and its number of rows.
        changes: the changed rows.
        inputs: the version of the inputs.
    """
    facts = {**_NOT_JUDGED, **asdict(load), **asdict(changes)}
    existing = _existing_mart(cursor, load.asset, load.partition_key)
    number = existing[0] if existing and not changes else _record(cursor, facts)
    version = {"inputs": Jsonb(inputs.numbers), "aliases_hash": inputs.aliases_hash}
    cursor.execute(_WRITE_MART, {**facts, **version, "publication": number})


def _record(cursor: Cursor, facts: dict[str, Any]) -> int:
    (number,) = cursor.execute(_RECORD, facts).fetchone() or (0,)
    return int(number)


def _existing_mart(
    cursor: Cursor, mart: str, partition_key: str
) -> tuple[int, dict[str, int], str | None] | None:
    return cursor.execute(_EXISTING_MART, [mart, partition_key]).fetchone()


def _aliases_hash(cursor: Cursor) -> str:
    (found,) = cursor.execute(sql.SQL("SELECT {}").format(ALIASES_HASH)).fetchone() or ("",)
    return str(found)
