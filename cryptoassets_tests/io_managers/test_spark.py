"""Cleaned Parquet is complete or missing, keeps exact values, and never goes back to older rows."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets_tests.io_managers.contexts import CLEAN, logged, read, write
from cryptoassets_tests.io_managers.damages import DAMAGES, flip_in
from cryptoassets_tests.io_managers.rows import HOUR, broken_row, judged, judged_coins, judged_row

pytestmark = pytest.mark.spark

FOLDER = "coin_prices/hour=2026-10-31T23"
LARGEST = Decimal("99999999999999999999.999999999999999999")


@pytest.fixture
def store(spark_io_manager: SparkIOManager, spark: SparkResource) -> "Store":
    """The IO manager, wrapped to take and return Arrow tables."""
    return Store(spark_io_manager, spark)


class Store:
    """Writes Arrow tables as DataFrames, and reads one hour."""

    def __init__(self, io_manager: SparkIOManager, spark: SparkResource) -> None:
        self.io_manager = io_manager
        self._spark = spark

    def write(self, rows: pa.Table) -> dg.OutputContext:
        """Store the rows of the hour."""
        return write(self.io_manager, CLEAN, HOUR, self._spark.session.createDataFrame(rows))

    def read(self) -> pa.Table:
        """Load the hour."""
        rows: pa.Table = read(self.io_manager, CLEAN, HOUR, DataFrame)
        return rows


def test_a_folder_without_a_success_file_counts_as_missing(store: Store, clean_path: Path) -> None:
    """A run that is killed while writing leaves files, which must not be used."""
    store.write(judged_coins(HOUR, range(2)))
    (clean_path / FOLDER / "_SUCCESS").unlink()

    with pytest.raises(dg.Failure, match=r"no partition '2026-10-31-23:00'.*hour=2026-10-31T23"):
        store.read()


def test_a_folder_without_a_success_file_is_replaced(store: Store, clean_path: Path) -> None:
    """The check that drops results with fewer rows must ignore the files of a killed run."""
    store.write(judged_coins(HOUR, range(3)))
    (clean_path / FOLDER / "_SUCCESS").unlink()

    store.write(judged_coins(HOUR, range(1)))

    assert 1 == store.read().num_rows


def test_an_older_view_is_dropped_and_reported(store: Store) -> None:
    """Raw partitions only grow, so of two concurrent results the one with fewer rows is older."""
    store.write(judged_coins(HOUR, range(3)))

    context = store.write(judged_coins(HOUR, range(2)))

    assert 3 == store.read().num_rows
    assert logged(context)["is older view"]
    assert 3 == logged(context)["dagster/partition_row_count"]


def test_a_view_with_the_same_number_of_rows_replaces_the_existing_one(store: Store) -> None:
    """After a rule change, the same documents are judged again."""
    store.write(judged(judged_row(rank=1)))

    store.write(judged(judged_row(rank=2)))

    assert [2] == store.read()["rank"].to_pylist()


def test_no_temporary_files_are_left(store: Store, clean_path: Path) -> None:
    """One batch per minute must not fill the disk."""
    store.write(judged_coins(HOUR, range(2)))
    store.write(judged_coins(HOUR, range(1)))

    left = {path.parent.name for path in clean_path.rglob("*.parquet")}

    assert {"hour=2026-10-31T23"} == left


def test_no_other_user_can_open_what_spark_wrote(store: Store, clean_path: Path) -> None:
    """Hadoop sets file modes itself and ignores the umask of the process."""
    store.write(judged_coins(HOUR, range(2)))

    written = list((clean_path / FOLDER).rglob("*"))
    modes = {path.name: path.stat().st_mode & 0o077 for path in (clean_path / FOLDER, *written)}

    assert "_SUCCESS" in modes
    assert dict.fromkeys(modes, 0) == modes


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda rows: rows.drop_columns(["rank", "name"]), "name, rank"),
        (lambda rows: rows.append_column("extra", pa.array([1])), "extra"),
        (lambda rows: rows.set_column(8, "rank", pa.array(["1"])), "rank"),
        (lambda rows: rows.select(rows.column_names[::-1]), "their order"),
    ],
    ids=["missing", "extra", "mistyped", "order"],
)
def test_wrong_columns_are_named(store: Store, clean_path: Path, spoil: Any, named: str) -> None:
    """Spark's `AnalysisException` would not name the columns clearly."""
    with pytest.raises(dg.Failure, match=f"clean/coin_prices .* differ at: {named}\\. A retry"):
        store.write(spoil(judged(judged_row())))

    assert not clean_path.exists()


def test_decimals_and_texts_are_read_back_exactly(store: Store) -> None:
    """SHIB's supply has 30 digits, and a name may contain any character."""
    values = {
        "supply": LARGEST,
        "change_pct_24h": LARGEST.copy_negate(),
        "price_usd": Decimal("1E-18"),
    }
    odd = judged_row(**values, name="a\n\"b'\x00🚀\u202e", max_supply=None)
    rows = judged(odd, broken_row(reasons=["price_usd_malformed", "rank_missing"]))

    store.write(rows)

    key = [("raw_id", "ascending")]
    assert rows.sort_by(key).to_pylist() == store.read().sort_by(key).to_pylist()


def test_metadata_counts_each_outcome(store: Store) -> None:
    """The UI shows how many rows of the hour are valid, quarantined and superseded."""
    facts = logged(store.write(judged(judged_row(), broken_row())))

    assert (1, 1, 0) == (facts["valid"], facts["quarantined"], facts["superseded"])


@pytest.mark.parametrize("name", ["truncate", "remove_files", "nest"])
def test_a_damaged_partition_is_refused_with_a_remedy_and_can_be_replaced(
    store: Store, clean_path: Path, name: str
) -> None:
    """Comparing new rows with the damaged partition used to fail, which blocked the hour."""
    store.write(judged_coins(HOUR, range(3)))
    DAMAGES[name](clean_path / FOLDER)

    with pytest.raises(dg.Failure, match="that can be read") as refused:
        store.read()
    store.write(judged_coins(HOUR, range(2)))

    assert "cryptoassets rebuild" in str(refused.value.description)
    assert 2 == store.read().num_rows


@pytest.mark.parametrize("column", ["source", "outcome", "raw_id", "price_usd"])
def test_a_damaged_parquet_page_does_not_block_new_rows(
    store: Store, clean_path: Path, column: str
) -> None:
    """New rows are compared with the existing ones; this must not fail if those are damaged."""
    store.write(judged_coins(HOUR, range(3)))
    flip_in(clean_path / FOLDER, column)

    store.write(judged_coins(HOUR, range(3)))

    assert 3 == store.read().num_rows


def test_bytes_that_changed_on_the_disk_are_not_read_as_other_prices(
    store: Store, session: SparkSession, clean_path: Path
) -> None:
    """The footer is intact, so only a page checksum reveals the damage."""
    store.write(judged_coins(HOUR, range(3)))
    for local_checksum in (clean_path / FOLDER).glob(".*.crc"):
        local_checksum.unlink()
    DAMAGES["flip"](clean_path / FOLDER)

    with pytest.raises(UpstreamNotMaterializedError) as refused, spark_errors():
        session.read.parquet(str(clean_path / FOLDER)).toArrow()
    store.write(judged_coins(HOUR, range(2)))

    assert "reading file file:///" in str(refused.value)
    assert "`cryptoassets rebuild` of that hour or day" in str(refused.value)
    assert 2 == store.read().num_rows
