"""Promises of a warm process: what it adds up is what judging the whole hour would give."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from cryptoassets.definitions import build_defs, default_resources
from cryptoassets.errors import PartitionChangedError
from cryptoassets.io_managers.arrivals import add_files
from cryptoassets.io_managers.clean_folders import parquet_files
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.io_managers.warm import Judged, View, WarmHours
from cryptoassets.resources.clean_files import clean_store
from cryptoassets.resources.spark import SparkResource
from cryptoassets.stores.mongodb import FETCHES, Lake
from cryptoassets_tests.io_managers.damages import truncate
from cryptoassets_tests.io_managers.rows import HOUR, document, start_of

pytestmark = pytest.mark.mongo

START = start_of(HOUR)
FOLDER = "coin_prices/hour=2026-10-31T23"
Judge = Callable[[WarmHours | None], pa.Table]


@pytest.fixture
def judge(
    lake: Lake, spark: SparkResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """Process the hour as the job does, in a folder for each memory; returns the cleaned rows."""

    def process(warm: WarmHours | None) -> pa.Table:
        folder = tmp_path / f"clean-{id(warm)}"
        monkeypatch.setenv("CLEAN_PATH", str(folder))
        resources = default_resources(warm)
        if warm is not None:
            resources["spark_io_manager"] = SparkIOManager(spark=spark, warm=warm, most_files=3)
        job = build_defs(resources=resources).resolve_job_def("process")
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
    """Have one thing after the other come to the hour, and say what it is."""
    raw = lake["coin_snapshots"]
    snapshot(lake, 1, 4)
    yield "the first"
    snapshot(lake, 2, 3)
    snapshot(lake, 3, 2, asked=10)
    snapshot(lake, 4, 3, payload={"priceUsd": "-1"})
    yield "newer ones, cut short and broken"
    again = {
        "observed_at": START + timedelta(minutes=1),
        "fetched_at": START + timedelta(minutes=9),
    }
    raw.insert_one(document("coin-0", payload={"priceUsd": "2.5"}, **again))
    yield "another answer for an instant that was judged"
    snapshot(lake, 5, 2)
    raw.insert_one(document("coin-9", observed_at=START + timedelta(minutes=1.5)))
    yield "a late one"
    raw.insert_one({"_id": 7, "observed_at": START + timedelta(minutes=6), "payload": None})
    yield "one that is not ours"
    snapshot(lake, 4.5, 1, asked=1)
    snapshot(lake, 55, 2)
    yield "the last"


def test_what_is_added_up_equals_what_is_judged_whole(
    lake: Lake, judge: Judge, tmp_path: Path
) -> None:
    """Whatever comes in whatever order: rows are carried over only where nothing changes."""
    warm = WarmHours()
    folder = tmp_path / f"clean-{id(warm)}" / FOLDER

    for place, name in enumerate(arrivals(lake)):
        added = judge(warm)
        if place % 2:
            assert judge(None).to_pylist() == added.to_pylist(), name

    assert {"valid", "superseded", "quarantined"} == set(added["outcome"].to_pylist())
    assert len(list(folder.glob("*.parquet"))) <= 3


def test_only_what_came_is_judged(lake: Lake, judge: Judge, tmp_path: Path) -> None:
    """The rows of the first snapshot stay in the file that they were written to."""
    warm = WarmHours()
    folder = tmp_path / f"clean-{id(warm)}" / FOLDER
    snapshot(lake, 1, 3)
    judge(warm)
    before = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}

    snapshot(lake, 2, 2)
    rows = judge(warm)

    after = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    assert before.items() < after.items()
    assert 5 == rows.num_rows
    new = ds.dataset([folder / name for name in after.keys() - before.keys()]).to_table()
    assert [START + timedelta(minutes=2)] == new["observed_at"].unique().to_pylist()


def test_a_partition_that_another_run_wrote_is_judged_whole(
    lake: Lake, judge: Judge, tmp_path: Path
) -> None:
    """`requeue`, Airflow or a hand on the files: rows of other code are never carried over."""
    warm = WarmHours()
    folder = tmp_path / f"clean-{id(warm)}" / FOLDER
    snapshot(lake, 1, 3)
    judge(warm)
    written = next(folder.glob("*.parquet"))
    written.rename(folder / "part-00000-another-run.parquet")

    snapshot(lake, 2, 2)
    rows = judge(warm)

    assert judge(None).to_pylist() == rows.to_pylist()
    assert not (folder / "part-00000-another-run.parquet").exists()

    # So is one that is damaged: added to, it would fail in every cycle until the hour ends.
    truncate(folder)
    snapshot(lake, 3, 2)
    assert 7 == judge(warm).num_rows


def test_files_are_joined_before_they_are_many(lake: Lake, judge: Judge, tmp_path: Path) -> None:
    """A batch a second would leave 3,600 files for each reader to open."""
    warm = WarmHours()
    folder = tmp_path / f"clean-{id(warm)}" / FOLDER

    for minute in (1, 2, 3, 4):
        snapshot(lake, minute, 2)
        rows = judge(warm)

    assert 8 == rows.num_rows == len(set(rows["raw_id"].to_pylist()))
    assert len(list(folder.glob("*.parquet"))) < 4


def test_a_folder_that_changes_meanwhile_is_left_as_it_is(clean_path: Path) -> None:
    """Two writers of one hour: the one that would add takes its file back."""
    store, root = clean_store()
    for name in ("aside/part-1.parquet", "hour/part-0.parquet", "hour/part-x.parquet"):
        (clean_path / name).parent.mkdir(parents=True, exist_ok=True)
        (clean_path / name).touch()
    base = Judged(View(1, START, {}, 100), frozenset({"part-0.parquet"}))

    with pytest.raises(PartitionChangedError, match="A retry helps"):
        add_files(store, f"{root}/aside", f"{root}/hour", base)

    assert {"part-0.parquet", "part-x.parquet"} == parquet_files(store, f"{root}/hour")


_ASKED = {START: (3, False)}
_LATER = START + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("documents", "later", "is_part"),
    [
        (5, View(2, _LATER, _ASKED | {_LATER: (2, False)}, 100), True),
        (6, View(2, _LATER, _ASKED, 100), False),
        (5, View(2, _LATER, {START: (9, False)}, 100), False),
        (5, View(2, _LATER, {START: (3, True)}, 100), False),
        (5, View(2, _LATER, {}, 100), False),
        (5, View(2, _LATER, _ASKED, 200), False),
    ],
    ids=["newer only", "a late one", "asked for more", "a page twice", "record gone", "setting"],
)
def test_a_view_is_built_upon_only_when_all_of_it_stands(
    documents: int,
    later: View,
    is_part: bool,  # noqa: FBT001 - a case
) -> None:
    """Each thing that a snapshot is judged by."""
    known = View(3, START, _ASKED, 100)

    assert is_part == known.is_part_of(documents, later)
