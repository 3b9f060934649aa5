"""Each publication is recorded, so that older inputs are refused and added files are found."""

from datetime import date, timedelta
from typing import Any

import pytest

from cryptoassets.errors import OlderInputsError
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import CLEAN_COIN_PRICES
from cryptoassets.stores import publications, publishing
from cryptoassets.stores.additions import (
    LatestPublication,
    addition_to,
    files_hash,
    latest_publication,
)
from cryptoassets.stores.checksums import sum_checksums
from cryptoassets.stores.clean import CleanFile, CleanFiles, Seal
from cryptoassets.stores.mart_inputs import Inputs, aliases_hash_now
from cryptoassets.stores.publishing import Changes, Checksums
from cryptoassets_tests.stores.test_publishing import ASSET, HOUR, LOAD, SEEN, rows_of

DAY = date(2026, 10, 31)
MART, PRICES_OF_DAY = "marts/coin_daily", f"{ASSET} {DAY}"


@pytest.mark.postgres
def test_a_publication_is_recorded_if_something_changed(cursor: publishing.Cursor) -> None:
    """Each record gets a larger number than the previous one; 0 means that nothing changed."""
    nothing = publications.record_load(cursor, LOAD, Changes(), "files", has_other_changes=False)
    first = publications.record_load(cursor, LOAD, Changes(3, 1), "files", has_other_changes=False)
    second = publications.record_load(cursor, LOAD, Changes(), None, has_other_changes=True)

    assert 0 == nothing < first < second
    (one, other) = rows_of(cursor, "TABLE warehouse.load_history ORDER BY publication")
    counts = {"raw_rows": 4, "loaded_rows": 1, "quarantined_rows": 2, "superseded_rows": 1}
    facts = {"asset": ASSET, "partition_key": HOUR, "run_id": "run 1"} | counts
    assert one == one | facts | {"rows_written": 3, "rows_removed": 1, "files_hash": "files"}
    assert other == other | facts | {"rows_written": 0, "rows_removed": 0, "files_hash": None}


def mart_load(cursor: publishing.Cursor, inputs: Inputs, changes: Changes) -> None:
    """Record a publication of the mart for `DAY`."""
    load = publications.MartLoad(MART, str(DAY), "run 1", 100)
    publications.write_mart_load(cursor, load, changes, inputs)


@pytest.mark.postgres
def test_a_mart_keeps_its_publication_number_until_its_rows_change(
    cursor: publishing.Cursor,
) -> None:
    """Every publication records the mart's inputs; otherwise the mart would stay stale."""
    loads = []
    for number, changes in ((1, Changes()), (2, Changes()), (3, Changes(0, 4))):
        mart_load(cursor, Inputs({PRICES_OF_DAY: number}, f"hash {number}"), changes)
        loads += rows_of(cursor, "TABLE warehouse.mart_loads")

    numbers = [row["publication"] for row in loads]
    assert 0 < numbers[0] == numbers[1] < numbers[2]
    assert [{PRICES_OF_DAY: 1}, {PRICES_OF_DAY: 2}, {PRICES_OF_DAY: 3}] == [
        row["inputs"] for row in loads
    ]
    assert ["hash 1", "hash 2", "hash 3"] == [row["aliases_hash"] for row in loads]
    history = rows_of(cursor, "TABLE warehouse.load_history ORDER BY publication")
    kept = ("asset", "partition_key", "run_id", "raw_rows", "loaded_rows", "rows_removed")
    assert [(MART, str(DAY), "run 1", None, 100, removed) for removed in (0, 4)] == [
        tuple(row[name] for name in kept) for row in history
    ]


@pytest.mark.postgres
def test_only_inputs_older_than_those_of_the_mart_are_refused(cursor: publishing.Cursor) -> None:
    """The message names the input; a retry reads it again."""
    hash_now = aliases_hash_now(cursor)
    publishing.write_ledger(cursor, LOAD, Checksums("clean", "rows"), 7)

    def refusal(number: int | None, aliases_hash: str | None) -> str | None:
        numbers = {} if number is None else {PRICES_OF_DAY: number}
        try:
            inputs = Inputs(numbers, aliases_hash)
            publications.refuse_older_inputs(cursor, MART, DAY, inputs, DAY)
        except OlderInputsError as error:
            return str(error)
        return None

    assert refusal(1, "anything") is None
    mart_load(cursor, Inputs({PRICES_OF_DAY: 7}, "of the mart"), Changes(1))
    words = f"{MART} {DAY} was computed in the meantime from a newer publication of "
    assert (refusal(6, hash_now) or "").startswith(f"{words}{PRICES_OF_DAY} than this run")
    assert (refusal(None, hash_now) or "").startswith(f"{words}{PRICES_OF_DAY} ")
    assert [None] * 3 == [refusal(7, hash_now), refusal(8, hash_now), refusal(7, "of the mart")]
    assert (refusal(7, "other") or "").startswith(f"{words}warehouse/coin_aliases ")
    # After the ledger was restored from a backup, there is no newer input to read.
    cursor.execute("UPDATE warehouse.loads SET publication = 5")
    assert [None, None] == [refusal(6, hash_now), refusal(5, hash_now)]
    assert PRICES_OF_DAY in (refusal(4, hash_now) or "")


PARTITION = Span(SEEN, SEEN + timedelta(hours=1))


def clean_file(number: int, **changes: Any) -> CleanFile:
    """A file whose oldest row is `number` minutes after the start of `PARTITION`."""
    first = SEEN + timedelta(minutes=number)
    file = CleanFile(PARTITION, f"/f/{number}", 1, Seal(f"{number}", f"1:{number}"), first)
    return file._replace(**changes)


def clean_files(*files: CleanFile, partitions: tuple[Span, ...] = (PARTITION,)) -> CleanFiles:
    """All files of the partitions; these tests never open a file."""
    no_tasks: Any = None
    return CleanFiles(CLEAN_COIN_PRICES, partitions, files, no_tasks)


@pytest.mark.postgres
def test_the_latest_publication_is_read_with_the_hash_of_its_files(
    cursor: publishing.Cursor,
) -> None:
    """If a partition was never published, all counts are 0."""
    none = latest_publication(cursor, ASSET, HOUR)
    for hash_of_files in ("first", "second"):
        number = publications.record_load(
            cursor, LOAD, Changes(1), hash_of_files, has_other_changes=False
        )
    publishing.write_ledger(cursor, LOAD, Checksums("clean", "rows"), number)

    latest = latest_publication(cursor, ASSET, HOUR)

    assert (0, 0, 0, 0, None, None, None) == none
    assert (4, 1, 2, 1, "clean", "rows", "second") == latest
    assert none == latest_publication(cursor, ASSET, "2026-10-31-22:00")


def test_only_files_added_since_the_latest_publication_are_published() -> None:
    """If anything else has changed, the whole partition must be published."""
    files = [clean_file(number) for number in range(4)]
    published = files[:2]
    checksum = sum_checksums(file.seal.checksum for file in published if file.seal)
    latest = latest_of(files_hash=files_hash(published), clean_checksum=checksum)
    later = SEEN + timedelta(minutes=2)

    added = addition_to(latest, clean_files(files[3], files[1], files[0], files[2]))

    assert added is not None
    assert ((files[2], files[3]), later, latest) == (added.added.files, added.since, added.latest)
    assert 4 == len(added.files.files)
    two_hours = (PARTITION, Span(PARTITION.end, PARTITION.end + timedelta(hours=1)))
    for records, judged in (
        (latest, clean_files(*published)),
        (latest, clean_files(*files[1:])),
        (latest, clean_files(*files, partitions=two_hours)),
        (latest, clean_files(*files[:3], clean_file(3, seal=None))),
        (latest, clean_files(*files[:3], clean_file(3, first=None))),
        (latest._replace(files_hash=None), clean_files(*files)),
        (latest._replace(rows_checksum=None), clean_files(*files)),
        (latest._replace(clean_checksum="0"), clean_files(*files)),
    ):
        assert addition_to(records, judged) is None


def latest_of(**changes: Any) -> Any:
    """The records of a partition's latest publication."""
    return LatestPublication(rows_checksum="rows")._replace(**changes)
