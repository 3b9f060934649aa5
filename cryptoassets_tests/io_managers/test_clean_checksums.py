"""Promises on the checksum of cleaned rows: only bytes that are as written pass undecoded."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.io_managers.clean_checksums import files_checksum, sealed_checksum
from cryptoassets.io_managers.clean_folders import files_of, folder_of, mark_whole
from cryptoassets.io_managers.clean_marks import digests_of, read_mark
from cryptoassets.partitions.spans import partition_window
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.clean import Seal, read_file
from cryptoassets.stores.writing import write_file
from cryptoassets_tests.checks.parquet import plant_files
from cryptoassets_tests.io_managers.rows import HOUR, judged, judged_row

TABLE, WINDOW = SNAPSHOT_FLOW.clean, partition_window(HOUR)
SEALED = "1:7"
"""No checksum of these rows: who returns it, or twice as much, has not decoded them."""


@pytest.fixture
def files(clean_path: Path) -> list[Path]:
    """Two files, of which the mark says what they were written with."""
    files = plant_files(clean_path, HOUR, judged(judged_row("a")), judged(judged_row("b")))
    store, folder = folder_of(TABLE, WINDOW)
    digests = digests_of(store, folder)
    seals = {name: Seal(digest, SEALED) for name, digest in digests.items()}
    mark_whole(store, folder, TABLE, files=seals)
    return files


@pytest.mark.usefixtures("files")
def test_rows_of_bytes_as_written_are_not_decoded_again() -> None:
    """Decoding and hashing 200,000 rows takes seconds, hashing their bytes milliseconds."""
    assert "2:14" == sealed_checksum(TABLE, WINDOW) != files_checksum(TABLE, WINDOW)
    found = files_of(*folder_of(TABLE, WINDOW), WINDOW)
    assert [SEALED, SEALED] == [read_file(TABLE, file).checksum for file in found]


@pytest.mark.parametrize("place", [4, 400, -9], ids=["first page", "middle", "footer"])
def test_one_changed_byte_is_found(files: list[Path], place: int) -> None:
    """By who compares stores, and by who is about to publish the rows."""
    content = bytearray(files[1].read_bytes())
    content[place] ^= 1
    files[1].write_bytes(content)

    assert "2:14" != sealed_checksum(TABLE, WINDOW)
    _, changed = files_of(*folder_of(TABLE, WINDOW), WINDOW)
    with pytest.raises(UpstreamNotMaterializedError, match="not those that were written"):
        read_file(TABLE, changed)


def test_other_files_than_those_of_the_mark_are_decoded(files: list[Path]) -> None:
    """Another run has added a file, moved one away, or rebuilds the partition."""
    renamed = files[0].rename(files[0].with_name("other.parquet"))
    of_both = files_checksum(TABLE, WINDOW)

    assert of_both == sealed_checksum(TABLE, WINDOW) != "2:14"
    renamed.unlink()
    assert (sealed_checksum(TABLE, WINDOW) or "").startswith("1:")
    files[1].with_name("_SUCCESS").unlink()
    assert sealed_checksum(TABLE, WINDOW) is None


def test_a_file_is_written_with_the_bytes_that_are_reported(tmp_path: Path) -> None:
    """And by its user alone to be read."""
    path = tmp_path / "part.parquet"
    rows = judged(judged_row("a"))

    digest = write_file(path.as_uri(), rows)

    assert rows.equals(pq.read_table(path))
    assert 0o600 == path.stat().st_mode & 0o777
    store, _ = folder_of(TABLE, WINDOW)
    assert {path.name: digest} == digests_of(store, str(tmp_path))
    mark_whole(store, str(tmp_path), TABLE, files={path.name: Seal(digest, SEALED)})
    assert {path.name: Seal(digest, SEALED)} == read_mark(store, str(tmp_path)).files
