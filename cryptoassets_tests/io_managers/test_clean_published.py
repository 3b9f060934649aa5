"""Promises on Parquet that was published: only bytes that did not change pass undecoded."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from cryptoassets.io_managers.clean_folders import files_checksum, files_of, folder_of
from cryptoassets.io_managers.clean_published import checksum_now, remember_published
from cryptoassets.partitions.spans import partition_window
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.staged import StagedPartition
from cryptoassets.stores.staging import Staged
from cryptoassets_tests.checks.parquet import plant_files
from cryptoassets_tests.io_managers.rows import HOUR, judged, judged_row

TABLE, WINDOW = SNAPSHOT_FLOW.clean, partition_window(HOUR)
READ = "2:7"
"""No checksum of these rows: who returns it has not decoded them."""


@pytest.fixture
def files(clean_path: Path) -> list[Path]:
    """Two files, which a publication in this process has read."""
    files = plant_files(clean_path, HOUR, judged(judged_row("a")), judged(judged_row("b")))
    found = files_of(*folder_of(TABLE, WINDOW), WINDOW)
    read = CleanFiles(TABLE, (WINDOW,), tuple(found), _no_tasks)
    part = Staged("attempt", HOUR, 2, 2, 0, 0, [], ["simulator"], "{}", READ)
    remember_published(read, [StagedPartition("staged", SNAPSHOT_FLOW, WINDOW, (part,))])
    return files


def _no_tasks(work: object, number: int, schema: str) -> DataFrame:
    raise NotImplementedError


@pytest.mark.usefixtures("files")
def test_rows_of_published_bytes_are_not_decoded_again() -> None:
    """Decoding and hashing 200,000 rows takes seconds, hashing their bytes milliseconds."""
    assert READ == checksum_now(TABLE, WINDOW) != files_checksum(TABLE, WINDOW)


@pytest.mark.parametrize("place", [4, 400, -9], ids=["first page", "middle", "footer"])
def test_one_changed_byte_of_a_published_file_is_found(files: list[Path], place: int) -> None:
    """The files are read again each time, whatever is remembered."""
    content = bytearray(files[1].read_bytes())
    content[place] ^= 1
    files[1].write_bytes(content)

    assert checksum_now(TABLE, WINDOW) != READ


def test_other_files_than_the_published_ones_are_decoded(files: list[Path]) -> None:
    """Another run has added a file, moved one away, or rebuilds the partition."""
    renamed = files[0].rename(files[0].with_name("other.parquet"))
    of_both = files_checksum(TABLE, WINDOW)

    assert of_both == checksum_now(TABLE, WINDOW) != READ
    renamed.unlink()
    assert (checksum_now(TABLE, WINDOW) or "").startswith("1:")
    files[1].with_name("_SUCCESS").unlink()
    assert checksum_now(TABLE, WINDOW) is None
