"""The last publications, from `warehouse.load_history`: which run changed which partition.

What goes here: reading them for `status`. What stays out: recording them (in
`stores.publications`), and figures per day (the view `warehouse.pipeline_daily`).
"""

from dataclasses import dataclass

from cryptoassets.resources.postgres import PostgresResource

SHOWN = 5
_LAST = """
    SELECT publication, asset, partition_key, run_id, rows_written, rows_removed,
        to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS+00:00')
    FROM warehouse.load_history ORDER BY publication DESC LIMIT %s
"""


@dataclass(frozen=True)
class Publication:
    """A publication that changed something; `published_at` is an ISO time in UTC."""

    publication: int
    asset: str
    partition: str
    run_id: str
    rows_written: int
    rows_removed: int
    published_at: str


def last_publications(postgres: PostgresResource) -> list[Publication]:
    """The last `SHOWN` publications that changed something, newest first."""
    with postgres.connect() as connection:
        rows = connection.execute(_LAST, [SHOWN]).fetchall()
    return [Publication(*row) for row in rows]
