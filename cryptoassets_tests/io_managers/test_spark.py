"""Promises of the cleaned Parquet: whole or missing, never older, exact, lazy."""

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
    """The IO manager with Arrow tables in the place of DataFrames."""
    return Store(spark_io_manager, spark)


class Store:
    """Writes Arrow tables as DataFrames; reads one hour."""

    def __init__(self, io_manager: SparkIOManager, spark: SparkResource) -> None:
        self.io_manager = io_manager
        self._spark = spark

    def write(self, rows: pa.Table) -> dg.OutputContext:
        """Store rows as the hour."""
        return write(self.io_manager, CLEAN, HOUR, self._spark.session.createDataFrame(rows))

    def read(self) -> pa.Table:
        """Load the hour."""
        rows: pa.Table = read(self.io_manager, CLEAN, HOUR, DataFrame)
        return rows


def test_a_folder_without_its_mark_is_missing(store: Store, clean_path: Path) -> None:
    """A run killed while it wrote leaves files that nobody may take for the hour."""
    store.write(judged_coins(HOUR, range(2)))
    (clean_path / FOLDER / "_SUCCESS").unlink()

    with pytest.raises(dg.Failure, match=r"no partition '2026-10-31-23:00'.*hour=2026-10-31T23"):
        store.read()


def test_a_folder_without_its_mark_is_replaced(store: Store, clean_path: Path) -> None:
    """What a killed run left has no say in whether the next view is older."""
    store.write(judged_coins(HOUR, range(3)))
    (clean_path / FOLDER / "_SUCCESS").unlink()

    store.write(judged_coins(HOUR, range(1)))

    assert 1 == store.read().num_rows


def test_an_older_view_is_dropped_and_says_so(store: Store) -> None:
    """Raw only grows: of two runs at once the slower one may have read less."""
    store.write(judged_coins(HOUR, range(3)))

    context = store.write(judged_coins(HOUR, range(2)))

    assert 3 == store.read().num_rows
    assert logged(context)["is older view"]
    assert 3 == logged(context)["dagster/partition_row_count"]


def test_a_view_of_as_many_rows_takes_the_place_of_the_one_before(store: Store) -> None:
    """Rules were mended, raw is the same: the new judgement counts."""
    store.write(judged(judged_row(rank=1)))

    store.write(judged(judged_row(rank=2)))

    assert [2] == store.read()["rank"].to_pylist()


def test_nothing_written_aside_is_left(store: Store, clean_path: Path) -> None:
    """A day at one batch a minute must not fill the disk."""
    store.write(judged_coins(HOUR, range(2)))
    store.write(judged_coins(HOUR, range(1)))

    left = {path.parent.name for path in clean_path.rglob("*.parquet")}

    assert {"hour=2026-10-31T23"} == left


def test_no_other_user_can_open_what_spark_wrote(store: Store, clean_path: Path) -> None:
    """Hadoop sets modes itself, whatever the umask of the process."""
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
    """`AnalysisException` with a plan of forty lines names nothing."""
    with pytest.raises(dg.Failure, match=f"clean/coin_prices .* differ at: {named}\\. A retry"):
        store.write(spoil(judged(judged_row())))

    assert not clean_path.exists()


def test_decimals_and_texts_come_back_exactly(store: Store) -> None:
    """SHIB's supply has 30 digits, and a name may be anything."""
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
    """What a person sees first in the UI: how much of the hour was good."""
    facts = logged(store.write(judged(judged_row(), broken_row())))

    assert (1, 1, 0) == (facts["valid"], facts["quarantined"], facts["superseded"])


@pytest.mark.parametrize("name", ["truncate", "remove_files", "nest"])
def test_what_is_damaged_is_refused_with_the_remedy_and_replaced(
    store: Store, clean_path: Path, name: str
) -> None:
    """It blocked its hour for ever: the new view was compared with the one that is damaged."""
    store.write(judged_coins(HOUR, range(3)))
    DAMAGES[name](clean_path / FOLDER)

    with pytest.raises(dg.Failure, match="that can be read") as refused:
        store.read()
    store.write(judged_coins(HOUR, range(2)))

    assert "cryptoassets rebuild" in str(refused.value.description)
    assert 2 == store.read().num_rows


@pytest.mark.parametrize("column", ["source", "outcome", "raw_id", "price_usd"])
def test_a_page_that_is_damaged_keeps_no_new_view_out(
    store: Store, clean_path: Path, column: str
) -> None:
    """What is there was read to compare it with the new view, which failed each time."""
    store.write(judged_coins(HOUR, range(3)))
    flip_in(clean_path / FOLDER, column)

    store.write(judged_coins(HOUR, range(3)))

    assert 3 == store.read().num_rows


def test_bytes_that_changed_on_the_disk_are_no_other_prices(
    store: Store, session: SparkSession, clean_path: Path
) -> None:
    """The footer is whole, so that only reading a page tells; then the hour is replaced, too."""
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
