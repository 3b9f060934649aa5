"""What a warm process reads and adds: the documents that came to an hour, and their judged rows.

What goes here: reading beyond a remembered view, adding one Parquet file to a folder. What stays
out: the memory and its rules (in `warm`), documents as rows (in `lake`), whole writes (in `spark`).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from cryptoassets.errors import PartitionChangedError
from cryptoassets.io_managers.clean_folders import folder_of, is_whole, parquet_files
from cryptoassets.io_managers.lake import arrow_batches
from cryptoassets.io_managers.warm import Judged, Reading, View, WarmHours
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import SNAPSHOT_FLOW, Table
from cryptoassets.stores.mongodb import Lake, asked_for, count_in


def unjudged_batches(
    lake: Lake, table: Table, window: Span, warm: WarmHours, *, coins_asked: int
) -> Iterator[pa.RecordBatch]:
    """The documents of an hour that this process has not judged, or all where that is not certain.

    When the last batch is taken, `warm` knows what was read.

    Args:
        lake: the database.
        table: `schemas.RAW_COIN_SNAPSHOTS`.
        window: the hour.
        warm: what this process remembers.
        coins_asked: what a snapshot is judged by where no record of its fetch is left.
    """
    asked = asked_for(lake, window)
    if not is_whole(*folder_of(SNAPSHOT_FLOW.clean, window)):
        warm.forget(window)
    judged = warm.judged(window)
    views: list[View] = []

    def note(documents: int, newest: datetime | None) -> None:
        views.append(View(documents, newest, asked, coins_asked))

    if judged is not None and judged.view.newest is not None:
        documents = count_in(lake[table.name], window)
        newest = judged.view.newest
        # From there and not beyond it: nx-27017 takes '03.520' for later than '03.521'.
        read = arrow_batches(lake, table, Span(newest, window[1]), coins_asked=coins_asked)
        came = list(_counted(_beyond(newest, read), note))
        if judged.view.is_part_of(documents, views[-1]):
            warm.read(window, Reading(judged.view.extended_by(views[-1]), judged))
            yield from came
            return
        warm.forget(window)
    yield from _counted(arrow_batches(lake, table, window, coins_asked=coins_asked), note)
    warm.read(window, Reading(views[-1]))


def _beyond(moment: datetime, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows that are newer than a moment."""
    for batch in batches:
        newest_known = pa.scalar(moment, batch["observed_at"].type)
        yield batch.filter(pc.greater(batch["observed_at"], newest_known))


def _counted(
    batches: Iterable[pa.RecordBatch], note: Callable[[int, datetime | None], None]
) -> Iterator[pa.RecordBatch]:
    """Hand batches on; at their end note how many rows there were, and the newest one's time."""
    rows, newest = 0, None
    for batch in batches:
        rows += batch.num_rows
        moment = pc.max(batch["observed_at"]).as_py()
        newest = max(filter(None, (newest, moment)), default=None)
        yield batch
    note(rows, newest)


def add_files(store: fs.FileSystem, aside: str, folder: str, base: Judged) -> frozenset[str]:
    """Move the one file with rows that was written aside into a folder; return the files there.

    Readers see the folder with the file or without it.

    Raises:
        PartitionChangedError: the folder is not as this process left it; it was left as it is.
    """
    coming = parquet_files(store, aside)
    refuse_change(store, folder, base.files)
    for name in coming:
        store.move(f"{aside}/{name}", f"{folder}/{name}")
    store.delete_dir(aside)
    try:
        refuse_change(store, folder, base.files | coming)
    except PartitionChangedError:
        for name in coming & parquet_files(store, folder):
            store.delete_file(f"{folder}/{name}")
        raise
    return base.files | coming


def refuse_change(store: fs.FileSystem, folder: str, expected: frozenset[str]) -> None:
    """Raise unless the Parquet files of a folder are these.

    Raises:
        PartitionChangedError: another run wrote the folder.
    """
    if parquet_files(store, folder) != expected:
        message = (
            f"{folder} was written by another run meanwhile; nothing was added. A retry helps: it "
            "reads and judges the hour whole"
        )
        raise PartitionChangedError(message)
