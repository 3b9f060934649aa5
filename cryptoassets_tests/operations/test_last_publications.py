"""`status` shows which runs published which partitions, newest first."""

import io

import psycopg
import pytest
from rich.console import Console

from cryptoassets.cli.status_tables import publications_table
from cryptoassets.operations.last_publications import SHOWN, last_publications
from cryptoassets.resources.postgres import PostgresResource

pytestmark = pytest.mark.postgres


def test_the_newest_publications_are_listed_with_their_runs(
    postgres: PostgresResource, database: str
) -> None:
    """After a surprise, users first ask which run changed the partition, and when."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO warehouse.load_history (publication, asset, partition_key, run_id, "
            "raw_rows, loaded_rows, quarantined_rows, superseded_rows, rows_written, "
            "rows_removed, published_at) SELECT n, 'warehouse/coin_prices', '2026-11-23-10:00', "
            "'run-' || n || '-of-many', 100, 100, 0, 0, 1000 * n, n % 2, "
            "now() - (10 - n) * interval '1 hour' FROM generate_series(1, 7) AS n"
        )
    console = Console(file=io.StringIO(), width=120)

    found = last_publications(postgres)
    console.print(publications_table(found))

    assert [7, 6, 5, 4, 3] == [one.publication for one in found]
    assert SHOWN == len(found)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["last", "publication", "of", "partition", "rows", "run", "age"] == lines[0]
    seventh = "warehouse/coin_prices 2026-11-23-10:00 7,000 written, 1 removed run-7-of 3.0 h"
    assert seventh.split() == lines[1]
    assert ["6,000", "written", "run-6-of", "4.0", "h"] == lines[2][2:]
