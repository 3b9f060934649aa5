"""A run reads raw documents consistently, however many tasks read them."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pymongo import MongoClient

from cryptoassets.embedded import Stack
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.workers import credentials
from cryptoassets.schemas import CLEAN_COIN_PRICES, SNAPSHOT_FLOW
from cryptoassets.settings import load_settings
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import file_parts, shared_instants
from cryptoassets.stores.mongodb import FETCHES, Lake
from cryptoassets.stores.raw import Kernel, RawRanges
from cryptoassets.transforms.prices import judge_prices
from cryptoassets_tests.io_managers.contexts import CLEAN, write
from cryptoassets_tests.io_managers.rows import HOUR, document, start_of

pytestmark = pytest.mark.mongo

START = start_of(HOUR)
SNAPSHOTS, COINS = 12, 5
Process = Callable[[Kernel], dg.OutputContext]


def judge_while_documents_arrive(raw: pa.Table, url: str, database: str, limit: int) -> pa.Table:
    """A kernel that inserts a document at the start of the hour while it judges the last range."""
    has_last = raw["observed_at"].to_pylist()[-1] == START + timedelta(minutes=SNAPSHOTS - 1)
    with MongoClient(url) as client:
        collection = client[database]["coin_snapshots"]
        inserted = collection.count_documents({"coin_id": {"$gte": "late"}})
        if has_last and inserted < limit:
            collection.insert_one(document(f"late-{inserted}", observed_at=START))
    return judge_prices(raw)


@pytest.fixture
def process(lake: Lake, spark: SparkResource, clean_path: Path) -> Process:
    """A function that applies a kernel to the hour in four tasks and stores the resulting rows."""
    for minute in range(SNAPSHOTS):
        observed_at = START + timedelta(minutes=minute)
        some = [document(f"coin-{n}", observed_at=observed_at) for n in range(COINS)]
        lake["coin_snapshots"].insert_many(some)
        record = {"observed_at": observed_at, "coins_asked": COINS, "is_repeated": False}
        lake[FETCHES].insert_one({"_id": str(minute), "coins_received": COINS, **record})
    window = Span(START, START + timedelta(hours=1))
    lake_credentials = partial(credentials, postgres=False)
    ranges = RawRanges(
        SNAPSHOT_FLOW, window, lake, COINS, spark.tasks, lake_credentials, documents_per_task=15
    )

    def store(kernel: Kernel) -> dg.OutputContext:
        mapped = ranges.mapped(kernel, CLEAN_COIN_PRICES)
        return write(SparkIOManager(spark=spark), CLEAN, HOUR, mapped)

    return store


def test_no_snapshot_is_split_between_two_tasks(process: Process, clean_path: Path) -> None:
    """Some rules need all documents of a snapshot."""
    process(judge_prices)

    store, root = clean_store()
    parts = file_parts(store, f"{root}/coin_prices/hour=2026-10-31T23")
    assert 4 == len(parts)
    assert [15, 15, 15, 15] == [part.rows for part in parts]
    assert [] == shared_instants(parts)


@pytest.mark.parametrize("limit", [1, 2], ids=["arrives once", "arrives twice"])
def test_documents_that_arrive_between_two_tasks_are_read_too(
    process: Process, lake: Lake, clean_path: Path, limit: int
) -> None:
    """A result that is marked as complete must lack no documents."""
    url = Stack(load_settings()).mongo_url()

    process(partial(judge_while_documents_arrive, url=url, database=lake.name, limit=limit))

    rows = ds.dataset(clean_path / "coin_prices/hour=2026-10-31T23", format="parquet").to_table()
    assert SNAPSHOTS * COINS + limit == rows.num_rows


def test_documents_that_keep_arriving_make_the_step_retry(
    process: Process, lake: Lake, clean_path: Path
) -> None:
    """The result of an incomplete read is not written."""
    url = Stack(load_settings()).mongo_url()
    kernel = partial(judge_while_documents_arrive, url=url, database=lake.name, limit=99)

    with pytest.raises(dg.RetryRequested) as refused:
        process(kernel)

    assert "documents arrived during each of 3 reads" in str(refused.value.__cause__)
    assert [] == [*clean_path.rglob("*.parquet")]
