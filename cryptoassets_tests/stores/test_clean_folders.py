"""A damaged Parquet folder counts as missing, but its damage is reported."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cryptoassets.partitions.spans import Span, folder_name
from cryptoassets.schemas import CLEAN_COIN_PRICES as TABLE
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import (
    clean_damage,
    clean_partition,
    clean_rows,
    is_judged_by_older_rules,
    mark_complete,
)
from cryptoassets.stores.clean_writing import clean_bytes, delete_clean
from cryptoassets_tests.io_managers.damages import DAMAGES, remove_files
from cryptoassets_tests.io_managers.rows import HOUR, judged_coins, start_of

WINDOW = Span(start_of(HOUR), start_of(HOUR) + timedelta(hours=1))
COLUMNS = ["raw_id", "payload"]


@pytest.fixture
def folder(clean_path: Path) -> Path:
    """The complete folder of the hour: two files with three rows each."""
    path = clean_path / TABLE.name / folder_name(WINDOW)
    path.mkdir(parents=True)
    for number in range(2):
        rows = judged_coins(HOUR, range(number * 3, number * 3 + 3))
        pq.write_table(rows, path / f"part-{number}.parquet", write_page_checksum=True)
    mark_complete(clean_store()[0], str(path), TABLE)
    return path


def test_a_complete_folder_is_read(folder: Path) -> None:
    """The tests below rely on a folder that can be read."""
    rows = clean_rows(TABLE, WINDOW, COLUMNS)

    assert clean_damage(TABLE, WINDOW) is None
    assert rows is not None
    assert 6 == rows.num_rows
    assert folder.exists()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_folder_has_no_rows_and_the_damage_is_named(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    """A power cut or a full disk must not block an hour forever."""
    damage(folder)

    why = clean_damage(TABLE, WINDOW)

    assert why
    assert "\n" not in why
    assert clean_rows(TABLE, WINDOW, COLUMNS) is None


def test_an_incomplete_folder_counts_as_missing_and_not_as_damaged(folder: Path) -> None:
    """A killed run may leave an incomplete folder; `audit` reports documents as not processed."""
    (folder / "_SUCCESS").unlink()
    (folder / "part-0.parquet").write_bytes(b"")

    assert clean_damage(TABLE, WINDOW) is None
    assert clean_partition(TABLE, WINDOW) is None


def test_a_complete_folder_whose_files_are_gone_counts_as_missing(folder: Path) -> None:
    """Otherwise the folder would be read as an hour without documents."""
    remove_files(folder)

    assert clean_partition(TABLE, WINDOW) is None


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_folder_can_be_deleted(folder: Path, damage: Callable[[Path], None]) -> None:
    """`retention` must be able to measure and delete any folder."""
    damage(folder)

    size = clean_bytes(TABLE, WINDOW)
    delete_clean(TABLE, WINDOW)

    assert size >= 0
    assert not folder.exists()


def test_a_file_in_place_of_a_folder_counts_as_missing_and_can_be_deleted(folder: Path) -> None:
    """Until the file is deleted, the partition can neither be read nor written."""
    delete_clean(TABLE, WINDOW)
    folder.write_text("a file")

    assert clean_partition(TABLE, WINDOW) is None
    assert 0 == clean_bytes(TABLE, WINDOW)
    delete_clean(TABLE, WINDOW)
    assert not folder.exists()


@pytest.mark.parametrize(("mark", "is_older"), [("", True), ("a hash", True), (None, False)])
def test_a_folder_records_the_version_of_its_rules(
    folder: Path, mark: str | None, *, is_older: bool
) -> None:
    """A mark without a version was written before versions existed, so its rules are older."""
    if mark is not None:
        (folder / "_SUCCESS").write_text(mark)

    assert is_older is is_judged_by_older_rules(TABLE, WINDOW)


def test_a_missing_folder_does_not_count_as_judged_by_older_rules(clean_path: Path) -> None:
    """The first `audit` may run before anything was processed."""
    assert not clean_path.exists()
    assert not is_judged_by_older_rules(TABLE, WINDOW)
