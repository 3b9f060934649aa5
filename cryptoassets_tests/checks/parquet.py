"""Writes cleaned partitions under CLEAN_PATH, file by file.

What goes here: writing. What stays out: the rows (in `io_managers.rows`), the expected results.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cryptoassets.partitions.spans import folder_name, partition_window
from cryptoassets.schemas import CLEAN_COIN_PRICES
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import mark_complete


def plant_files(clean_path: Path, partition: str, *files: pa.Table) -> list[Path]:
    """Write a partition of `clean/coin_prices`, one file per table, and mark it as complete."""
    folder = clean_path / CLEAN_COIN_PRICES.name / folder_name(partition_window(partition))
    folder.mkdir(parents=True)
    paths = [folder / f"part-{number}.parquet" for number in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        pq.write_table(rows, path)
    mark_complete(clean_store()[0], str(folder), CLEAN_COIN_PRICES)
    return paths
