"""Publication numbers: what changed when, and from which publications a mart was computed.

What goes here: recording a publication and the numbers of a mart's inputs, and refusing inputs that
are older than those of the existing mart. What stays out: the rows (in `publishing`), what a run
has read (in `mart_inputs`), and which marts are stale (in `upkeep.days`).

A number is drawn from a sequence while the lock of the partition is held, so the later of two
publications of a partition has the larger number. A partition keeps its number until rows of its
table change, so marts do not become stale if nothing changed.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from cryptoassets.errors import OlderInputsError
from cryptoassets.stores.mart_inputs import Inputs, aliases_hash_now, readable_inputs
from cryptoassets.stores.publishing import Changes, Cursor, Load

_RECORD = """
    INSERT INTO warehouse.load_history (publication, asset, partition_key, run_id, raw_rows,
        loaded_rows, quarantined_rows, superseded_rows, rows_written, rows_removed, published_at,
        files_hash)
    VALUES (nextval('warehouse.publications'), %(asset)s, %(partition_key)s, %(run_id)s,
        %(raw_rows)s, %(loaded_rows)s, %(quarantined_rows)s, %(superseded_rows)s,
        %(rows_written)s, %(rows_removed)s, now(), %(files_hash)s)
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
_NO_JUDGING_COUNTS = dict.fromkeys(
    ("raw_rows", "quarantined_rows", "superseded_rows", "files_hash")
)
"""Columns that only publications of judged rows have; null for marts."""


@dataclass(frozen=True)
class MartLoad:
    """One publication of a mart; `partition_key` is Dagster's key of the UTC day."""

    asset: str
    partition_key: str
    run_id: str
    loaded_rows: int


def record_load(
    cursor: Cursor,
    load: Load,
    changes: Changes,
    files_hash: str | None,
    *,
    has_other_changes: bool,
) -> int:
    """Record a publication of judged rows if it changed something.

    Call it while holding the lock of the partition.

    Args:
        cursor: cursor in the publishing transaction.
        load: counts of the publication.
        changes: changes to the table.
        files_hash: see `stores.additions`; None if the rows are not from files.
        has_other_changes: whether anything besides the table's rows changed: the counts or the
            quarantine.

    Returns:
        The number of the publication; 0 if it changed nothing and is not recorded.
    """
    if not (changes or has_other_changes):
        return 0
    return _record(cursor, {**asdict(load), **asdict(changes), "files_hash": files_hash})


def refuse_older_inputs(cursor: Cursor, mart: str, day: date, inputs: Inputs, first: date) -> None:
    """Refuse inputs that are older than those of the existing mart.

    Call it while holding the lock of the mart's partition.

    Args:
        cursor: cursor in the publishing transaction.
        mart: the mart.
        day: the day that is published.
        inputs: the publication numbers and the aliases' hash that the run has read.
        first: the first day of the run.

    Raises:
        OlderInputsError: names one older input. The inputs must be read again.
    """
    existing = _existing_mart(cursor, mart, str(day))
    if existing is None:
        return
    _, numbers, aliases_hash = existing
    older = [name for name, number in numbers.items() if inputs.numbers.get(name, 0) < number]
    if older:
        # If the ledger was restored from a backup or partly deleted, the mart may have recorded
        # numbers that no longer exist. Therefore an input counts as older only if a newer
        # publication of it can be read now.
        now = readable_inputs(cursor, mart, day, first).numbers
        older = [name for name in older if inputs.numbers.get(name, 0) < now.get(name, 0)]
    # Hashes have no order. The run's hash counts as older if it equals neither the mart's nor the
    # current one.
    if inputs.aliases_hash not in (aliases_hash, aliases_hash_now(cursor)):
        older.append("warehouse/coin_aliases")
    if older:
        raise OlderInputsError(
            f"{mart} {day} was computed in the meantime from a newer publication of {older[0]} "
            "than this run has read; nothing was published. A retry helps: it reads the inputs "
            "again"
        )


def write_mart_load(cursor: Cursor, load: MartLoad, changes: Changes, inputs: Inputs) -> None:
    """Store the inputs of a mart partition.

    The publication is recorded if it changed rows or is the first one of the partition.

    Args:
        cursor: cursor in the publishing transaction, which holds the lock of the partition.
        load: the partition and its number of rows.
        changes: the changed rows.
        inputs: the publication numbers and the aliases' hash that the run has read.
    """
    values = {**_NO_JUDGING_COUNTS, **asdict(load), **asdict(changes)}
    existing = _existing_mart(cursor, load.asset, load.partition_key)
    number = existing[0] if existing and not changes else _record(cursor, values)
    version = {"inputs": Jsonb(inputs.numbers), "aliases_hash": inputs.recorded_hash}
    cursor.execute(_WRITE_MART, {**values, **version, "publication": number})


def published_days(cursor: Cursor, mart: str) -> set[str]:
    """Keys of the days for which a mart was published."""
    query = "SELECT partition_key FROM warehouse.mart_loads WHERE asset = %s"
    return {key for (key,) in cursor.execute(query, [mart])}


def _record(cursor: Cursor, values: dict[str, Any]) -> int:
    (number,) = cursor.execute(_RECORD, values).fetchone() or (0,)
    return int(number)


def _existing_mart(
    cursor: Cursor, mart: str, partition_key: str
) -> tuple[int, dict[str, int], str | None] | None:
    return cursor.execute(_EXISTING_MART, [mart, partition_key]).fetchone()
