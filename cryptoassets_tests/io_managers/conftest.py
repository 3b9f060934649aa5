"""The IO managers, each with a separate store per test, and hours that the tests publish."""

from pathlib import Path

import pytest

from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.partitions.spans import folder_name
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets_tests.io_managers.hours import WINDOW, Hour, snapshot


@pytest.fixture
def mongo_io_manager(mongo: MongoResource, spark: SparkResource) -> MongoIOManager:
    """The IO manager for the data lake."""
    return MongoIOManager(mongo=mongo, spark=spark)


@pytest.fixture
def spark_io_manager(clean_path: object, spark: SparkResource) -> SparkIOManager:
    """The IO manager for the cleaned Parquet."""
    return SparkIOManager(spark=spark)


@pytest.fixture
def postgres_io_manager(postgres: PostgresResource, spark: SparkResource) -> PostgresIOManager:
    """The IO manager for the warehouse."""
    return PostgresIOManager(postgres=postgres, spark=spark)


@pytest.fixture
def hour(
    spark_io_manager: SparkIOManager,
    postgres_io_manager: PostgresIOManager,
    clean_path: Path,
    database: str,
) -> Hour:
    """An hour without files."""
    folder = clean_path / SNAPSHOT_FLOW.clean.name / folder_name(WINDOW)
    return Hour(spark_io_manager, postgres_io_manager, folder, {}, database)


@pytest.fixture
def growing(hour: Hour) -> Hour:
    """An hour with two files, of which only the first is published."""
    hour.add(snapshot(1, "valid", "valid", "bad_id"))
    hour.publish()
    hour.add(snapshot(2, "valid", "superseded", "price_usd_missing"))
    return hour
