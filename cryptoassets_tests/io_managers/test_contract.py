"""The contract of every IO manager, whatever it stores and where."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame

from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.io_managers import contexts
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    NEXT_HOUR,
    batch,
    coin,
    daily_coins,
    document,
    judged_coins,
)


@dataclass(frozen=True)
class Store:
    """An IO manager and an asset that it stores; each row belongs to a numbered coin.

    Attributes:
        io_manager: the IO manager.
        key: the asset.
        partitions: two neighbouring partitions, the earlier first.
        value_of: creates the asset's value for a partition from the numbers of coins.
        malformed: a value that lacks a column, or a list of documents instead of a batch.
        form: how a downstream asset loads the rows.
    """

    io_manager: dg.ConfigurableIOManager
    key: dg.AssetKey
    partitions: tuple[str, str]
    value_of: Callable[[str, range], Any]
    malformed: Any
    form: type = pa.Table

    def write(self, partition: str, rows: int) -> dg.OutputContext:
        """Store the given number of rows."""
        return self.write_value(partition, self.value_of(partition, range(rows)))

    def write_value(self, partition: str, value: Any) -> dg.OutputContext:
        """Store a value as if the asset had returned it."""
        return contexts.write(self.io_manager, self.key, partition, value)

    def coins(self, partition: str) -> list[str]:
        """The coins that a downstream asset gets, sorted."""
        rows = contexts.read(self.io_manager, self.key, partition, self.form)
        return sorted(rows["coin_id"].to_pylist())

    def row_counts(self) -> dict[str, int]:
        """The number of rows per partition."""
        return {partition: len(self.coins(partition)) for partition in self.partitions}


def mongo_store(request: pytest.FixtureRequest) -> Store:
    """Raw documents."""
    return Store(
        request.getfixturevalue("mongo_io_manager"),
        contexts.RAW,
        (HOUR, NEXT_HOUR),
        lambda partition, numbers: batch(*(document(coin(n), partition) for n in numbers)),
        [document()],
    )


def spark_store(request: pytest.FixtureRequest) -> Store:
    """Cleaned Parquet."""
    spark: SparkResource = request.getfixturevalue("spark")
    make_frame = spark.session.createDataFrame
    return Store(
        request.getfixturevalue("spark_io_manager"),
        contexts.CLEAN,
        (HOUR, NEXT_HOUR),
        lambda partition, numbers: make_frame(judged_coins(partition, numbers)),
        make_frame(judged_coins(HOUR, range(1)).drop_columns("rank")),
        form=DataFrame,
    )


def prices_store(request: pytest.FixtureRequest) -> Store:
    """Judged prices in PostgreSQL."""
    return Store(
        request.getfixturevalue("postgres_io_manager"),
        contexts.PRICES,
        (HOUR, NEXT_HOUR),
        judged_coins,
        judged_coins(HOUR, range(1)).drop_columns("rank"),
    )


def marts_store(request: pytest.FixtureRequest) -> Store:
    """A mart in PostgreSQL."""
    day, next_day = "2026-11-20", "2026-11-21"
    return Store(
        request.getfixturevalue("postgres_io_manager"),
        contexts.COIN_DAILY,
        (day, next_day),
        daily_coins,
        daily_coins(day, range(1)).drop_columns("close"),
    )


STORES = [
    pytest.param(mongo_store, marks=pytest.mark.mongo, id="mongo"),
    pytest.param(spark_store, marks=pytest.mark.spark, id="spark"),
    pytest.param(prices_store, marks=pytest.mark.postgres, id="postgres-prices"),
    pytest.param(marts_store, marks=pytest.mark.postgres, id="postgres-marts"),
]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    """Each IO manager in turn."""
    store: Store = request.param(request)
    return store


def test_what_is_written_is_read_back(store: Store) -> None:
    """The downstream asset gets every row of the partition and no other row."""
    partition, _ = store.partitions

    store.write(partition, rows=3)

    assert ["coin-0", "coin-1", "coin-2"] == store.coins(partition)


def test_rerunning_a_partition_replaces_only_that_partition(store: Store) -> None:
    """A retry by Airflow must neither duplicate an hour nor delete other hours."""
    first, second = store.partitions
    store.write(first, rows=1)
    store.write(second, rows=3)

    store.write(first, rows=2)
    store.write(first, rows=2)

    assert {first: 2, second: 3} == store.row_counts()


def test_neighbouring_partitions_share_no_row(store: Store) -> None:
    """A partition's first instant belongs to this partition and not to the one before."""
    first, second = store.partitions

    store.write(second, rows=2)
    store.write(first, rows=1)

    assert {first: 1, second: 2} == store.row_counts()


def test_a_missing_upstream_partition_is_named_with_its_remedy(store: Store) -> None:
    """The message names asset, partition and remedy. Retries, which cannot help, are disabled."""
    written, missing = store.partitions
    store.write(written, rows=1)

    with pytest.raises(dg.Failure) as caught:
        store.coins(missing)

    message = caught.value.description or ""
    assert store.key.to_user_string() in message
    assert missing in message
    assert f"first materialize {store.key.to_user_string()} for {missing}" in message
    assert not caught.value.allow_retries


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda store: store.malformed, id="columns"),
        pytest.param(lambda _: "not rows", id="type"),
    ],
)
def test_a_wrong_shape_is_refused_and_nothing_is_written(
    store: Store, spoil: Callable[[Store], Any]
) -> None:
    """A refused write leaves the partition unchanged."""
    partition, _ = store.partitions
    store.write(partition, rows=2)

    with pytest.raises(dg.Failure) as caught:
        store.write_value(partition, spoil(store))

    assert "SchemaMismatchError" == caught.value.metadata["error"].value
    assert store.key.to_user_string() in (caught.value.description or "")
    assert ["coin-0", "coin-1"] == store.coins(partition)


def test_metadata_counts_the_rows_of_the_partition(store: Store) -> None:
    """The UI plots this count over time; it is the partition's count, not the batch's."""
    partition, _ = store.partitions
    store.write(partition, rows=1)

    facts = contexts.logged(store.write(partition, rows=3))

    assert 3 == facts["dagster/partition_row_count"]
    assert "preview" in facts
    assert facts["dagster/column_schema"].columns


def test_metadata_has_the_location_without_credentials(store: Store) -> None:
    """Everybody who opens the UI can read the location, so it must not contain a password."""
    partition, _ = store.partitions

    uri = contexts.logged(store.write(partition, rows=1))["dagster/uri"]

    assert uri.partition("://")[0] in {"mongodb", "postgresql", "file"}
    assert "@" not in uri
    assert store.key.path[-1] in uri
