"""Adding newer snapshots to a partition yields the same rows as judging the whole partition."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from cryptoassets.definitions import build_defs, default_resources
from cryptoassets.errors import PartitionChangedError
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import FolderContents, require_full_read
from cryptoassets.stores.clean_marks import parquet_files
from cryptoassets.stores.clean_writing import add_files
from cryptoassets.stores.mongodb import FETCHES, Lake
from cryptoassets_tests.io_managers.damages import truncate
from cryptoassets_tests.io_managers.rows import HOUR, document, start_of

pytestmark = pytest.mark.mongo

START = start_of(HOUR)
FOLDER = "coin_prices/hour=2026-10-31T23"


class Judge(Protocol):
    """Processes the hour as the job does, and returns the cleaned rows, sorted by `raw_id`."""

    def __call__(self, *, whole: bool = False) -> pa.Table:
        """Add newer rows to the partition, or judge the whole hour in a separate folder."""


@pytest.fixture
def judge(
    lake: Lake, spark: SparkResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """A `Judge` that rewrites a partition instead of adding a fourth file."""
    resources = default_resources()
    resources["spark_io_manager"] = SparkIOManager(spark=spark, max_files=3)
    job = build_defs(resources=resources).resolve_job_def("process")

    def process(*, whole: bool = False) -> pa.Table:
        folder = tmp_path / (f"clean-{uuid4().hex}" if whole else "clean")
        monkeypatch.setenv("CLEAN_PATH", str(folder))
        job.execute_in_process(
            partition_key=HOUR, asset_selection=[dg.AssetKey(["clean", "coin_prices"])]
        )
        rows = ds.dataset(folder / FOLDER, format="parquet").to_table()
        return rows.sort_by("raw_id")

    return process


def snapshot(
    lake: Lake, minute: float, coins: int, *, asked: int | None = None, **changes: Any
) -> None:
    """Store one snapshot with the record of its fetch."""
    observed_at = START + timedelta(minutes=minute)
    documents = [
        document(f"coin-{number}", observed_at=observed_at, **changes) for number in range(coins)
    ]
    lake["coin_snapshots"].insert_many(documents)
    record = {"observed_at": observed_at, "coins_asked": asked or coins, "is_repeated": False}
    lake[FETCHES].insert_one({"_id": f"{minute}@{changes}", **record})


def arrivals(lake: Lake) -> Iterator[str]:
    """Add documents to the hour step by step, and yield a name for each step."""
    raw = lake["coin_snapshots"]
    snapshot(lake, 1, 4)
    yield "the first snapshot"
    snapshot(lake, 2, 3)
    snapshot(lake, 3, 2, asked=10)
    snapshot(lake, 4, 3, payload={"priceUsd": "-1"})
    yield "newer snapshots, one of them truncated and one broken"
    again = {
        "observed_at": START + timedelta(minutes=1),
        "fetched_at": START + timedelta(minutes=9),
    }
    raw.insert_one(document("coin-0", payload={"priceUsd": "2.5"}, **again))
    yield "another response for an instant that was already judged"
    snapshot(lake, 5, 2)
    raw.insert_one(document("coin-9", observed_at=START + timedelta(minutes=1.5)))
    yield "a newer snapshot and a late document"
    raw.insert_one({"_id": 7, "observed_at": START + timedelta(minutes=6), "payload": None})
    yield "a document that another program wrote"
    snapshot(lake, 4.5, 1, asked=1)
    snapshot(lake, 55, 2)
    yield "a late and a newer snapshot"


def test_adding_rows_gives_the_same_result_as_judging_everything(
    lake: Lake, judge: Judge, tmp_path: Path
) -> None:
    """Existing rows are kept only if newer documents cannot change them."""
    folder = tmp_path / "clean" / FOLDER

    for place, name in enumerate(arrivals(lake)):
        added = judge()
        if place % 2:
            assert judge(whole=True).to_pylist() == added.to_pylist(), name

    assert {"valid", "superseded", "quarantined"} == set(added["outcome"].to_pylist())
    assert len(list(folder.glob("*.parquet"))) <= 3


def test_only_newer_documents_are_judged(lake: Lake, judge: Judge, tmp_path: Path) -> None:
    """The rows of the first snapshot stay in their file."""
    folder = tmp_path / "clean" / FOLDER
    snapshot(lake, 1, 3)
    judge()
    before = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}

    snapshot(lake, 2, 2)
    rows = judge()

    after = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    assert before.items() < after.items()
    assert 5 == rows.num_rows
    new = ds.dataset([folder / name for name in after.keys() - before.keys()]).to_table()
    assert [START + timedelta(minutes=2)] == new["observed_at"].unique().to_pylist()


def test_a_damaged_partition_is_rebuilt(lake: Lake, judge: Judge, tmp_path: Path) -> None:
    """If rows were added to the damaged files, every run would fail until the end of the hour."""
    snapshot(lake, 1, 3)
    judge()

    truncate(tmp_path / "clean" / FOLDER)
    snapshot(lake, 3, 2)

    assert 5 == judge().num_rows


def test_a_partition_is_rewritten_before_it_has_too_many_files(
    lake: Lake, judge: Judge, tmp_path: Path
) -> None:
    """One batch per second would create 3,600 files per hour; each reader opens all of them."""
    folder = tmp_path / "clean" / FOLDER

    for minute in (1, 2, 3, 4):
        snapshot(lake, minute, 2)
        rows = judge()

    assert 8 == rows.num_rows == len(set(rows["raw_id"].to_pylist()))
    assert len(list(folder.glob("*.parquet"))) < 4


def test_files_are_not_added_to_a_folder_that_another_run_has_changed(clean_path: Path) -> None:
    """A folder must never mix the results of two runs."""
    store, root = clean_store()
    for name in ("temporary/part-1.parquet", "hour/part-0.parquet", "hour/part-x.parquet"):
        (clean_path / name).parent.mkdir(parents=True, exist_ok=True)
        (clean_path / name).touch()
    base = FolderContents(frozenset({"part-0.parquet"}), 1, START, "")

    with pytest.raises(PartitionChangedError, match="A retry helps"):
        add_files(store, f"{root}/temporary", f"{root}/hour", base)

    assert {"part-0.parquet", "part-x.parquet"} == parquet_files(store, f"{root}/hour")


@pytest.mark.parametrize(
    "change",
    [
        "more coins requested",
        "page repeated",
        "fetch record deleted",
        "setting changed",
        "rules changed",
        "file renamed",
        "earlier run failed",
    ],
)
def test_a_partition_is_rebuilt_if_an_input_or_a_file_has_changed(
    lake: Lake, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The cases cover every input of the rules, a changed file and a failed run."""
    folder = tmp_path / "clean" / FOLDER
    snapshot(lake, 1, 3)
    judge()
    (written,) = folder.glob("*.parquet")
    fetch = lake[FETCHES]
    match change:
        case "more coins requested":
            fetch.update_one({}, {"$set": {"coins_asked": 9}})
        case "page repeated":
            fetch.update_one({}, {"$set": {"is_repeated": True}})
        case "fetch record deleted":
            fetch.delete_many({})
        case "setting changed":
            monkeypatch.setenv("COINCAP_COINS", "7")
        case "rules changed":
            mark = folder / "_SUCCESS"
            mark.write_text(mark.read_text().replace(mark.read_text()[:4], "0000", 1))
        case "file renamed":
            written.rename(folder / "part-00000-another-run.parquet")
        case "earlier run failed":
            monkeypatch.setenv("CLEAN_PATH", str(tmp_path / "clean"))
            require_full_read(SNAPSHOT_FLOW.clean, Span(START, START + timedelta(hours=1)))

    snapshot(lake, 2, 2)
    rows = judge()

    assert 5 == rows.num_rows
    assert written.name not in {path.name for path in folder.glob("*.parquet")}
    assert 1 == len(list(folder.glob("*.parquet")))
