"""The checksum of cleaned rows is computed without decoding unchanged files."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.partitions.spans import partition_window
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.clean import Seal, read_file
from cryptoassets.stores.clean_checksums import files_checksum, sealed_checksum
from cryptoassets.stores.clean_folders import files_of, folder_of, mark_complete
from cryptoassets.stores.clean_marks import digests_of, read_mark
from cryptoassets.stores.writing import write_file
from cryptoassets_tests.checks.parquet import plant_files
from cryptoassets_tests.io_managers.rows import HOUR, judged, judged_row

TABLE, WINDOW = SNAPSHOT_FLOW.clean, partition_window(HOUR)
SEALED = "1:7"
"""Not the real checksum of a file's rows. A result that equals it, or twice it (2:14 for both
files), was computed without decoding rows."""


@pytest.fixture
def files(clean_path: Path) -> list[Path]:
    """Two files whose seals (SHA-256 and checksum) are recorded in the `_SUCCESS` mark."""
    files = plant_files(clean_path, HOUR, judged(judged_row("a")), judged(judged_row("b")))
    store, folder = folder_of(TABLE, WINDOW)
    digests = digests_of(store, folder)
    seals = {name: Seal(digest, SEALED) for name, digest in digests.items()}
    mark_complete(store, folder, TABLE, files=seals)
    return files


@pytest.mark.usefixtures("files")
def test_rows_of_unchanged_files_are_not_decoded() -> None:
    """Decoding and hashing 200,000 rows takes seconds; hashing a file takes milliseconds."""
    assert "2:14" == sealed_checksum(TABLE, WINDOW) != files_checksum(TABLE, WINDOW)
    found = files_of(*folder_of(TABLE, WINDOW), WINDOW)
    assert [SEALED, SEALED] == [read_file(TABLE, file).checksum for file in found]


@pytest.mark.parametrize("place", [4, 400, -9], ids=["first page", "middle", "footer"])
def test_a_single_changed_byte_is_noticed(files: list[Path], place: int) -> None:
    """Comparing the stores reveals the change, and so does reading the rows to publish them."""
    content = bytearray(files[1].read_bytes())
    content[place] ^= 1
    files[1].write_bytes(content)

    assert "2:14" != sealed_checksum(TABLE, WINDOW)
    _, changed = files_of(*folder_of(TABLE, WINDOW), WINDOW)
    with pytest.raises(UpstreamNotMaterializedError, match="have changed since it was written"):
        read_file(TABLE, changed)


def test_files_are_decoded_if_they_differ_from_those_in_the_mark(files: list[Path]) -> None:
    """Another run may have added or removed a file, or may be rebuilding the partition."""
    renamed = files[0].rename(files[0].with_name("other.parquet"))
    of_both = files_checksum(TABLE, WINDOW)

    assert of_both == sealed_checksum(TABLE, WINDOW) != "2:14"
    renamed.unlink()
    assert (sealed_checksum(TABLE, WINDOW) or "").startswith("1:")
    files[1].with_name("_SUCCESS").unlink()
    assert sealed_checksum(TABLE, WINDOW) is None


def test_write_file_returns_the_digest_of_the_written_file(tmp_path: Path) -> None:
    """The file is readable only by its owner."""
    path = tmp_path / "part.parquet"
    rows = judged(judged_row("a"))

    digest = write_file(path.as_uri(), rows)

    assert rows.equals(pq.read_table(path))
    assert 0o600 == path.stat().st_mode & 0o777
    store, _ = folder_of(TABLE, WINDOW)
    assert {path.name: digest} == digests_of(store, str(tmp_path))
    mark_complete(store, str(tmp_path), TABLE, files={path.name: Seal(digest, SEALED)})
    assert {path.name: Seal(digest, SEALED)} == read_mark(store, str(tmp_path)).files
