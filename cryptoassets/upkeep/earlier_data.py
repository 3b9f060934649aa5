"""Data from before the first partition: kept, and reported until `CRYPTOASSETS_SINCE` covers it.

What goes here: the messages that report such data. What stays out: refusing to process it, which
each command does itself.
"""

from collections.abc import Sequence

from cryptoassets.definition_settings import OLDEST_DAY
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings

_OLDEST = """
    SELECT min(left(partition_key, 10)) FROM warehouse.loads
    WHERE expired_at IS NULL AND raw_rows > 0 AND partition_key < %s
"""


def split_at_first(keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split partition keys into those before the first partition and all others, in order."""
    first = load_settings().first_partition
    earlier = {key for key in keys if partition_window(key).start < first}
    return [key for key in keys if key in earlier], [key for key in keys if key not in earlier]


def earlier_documents(keys: Sequence[str]) -> str:
    """Return a message about partitions that have documents but precede the first partition."""
    first, last = min(keys), max(keys)
    day = max(first[:10], f"{OLDEST_DAY}")
    shown = first if first == last else f"{len(keys)} partitions, {first} to {last}"
    return (
        f"{shown}: before the first partition, {load_settings().cryptoassets_since}. Their "
        f"documents stay in MongoDB. To process them, set CRYPTOASSETS_SINCE={day} in the "
        f"environment or in .env, then run `cryptoassets rebuild --from {day}`"
    )


def earlier_publications(postgres: PostgresResource) -> str | None:
    """Return a warning about ledger rows from before the first partition.

    None if there are no such rows, or if `CRYPTOASSETS_SINCE` is set.
    """
    settings = load_settings()
    if "cryptoassets_since" in settings.model_fields_set:
        return None
    with postgres.connect() as connection:
        query = connection.execute(_OLDEST, [f"{settings.cryptoassets_since}"])
        (oldest,) = query.fetchone() or (None,)
    if oldest is None:
        return None
    return (
        f"PostgreSQL has partitions from {oldest} on, but the first partition is "
        f"{settings.cryptoassets_since}. The older partitions are kept and can be read, but are "
        f"not processed again. Set CRYPTOASSETS_SINCE={oldest} in the environment or in .env"
    )
