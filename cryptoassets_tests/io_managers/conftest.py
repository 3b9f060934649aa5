"""The IO managers, each with a separate store per test."""

import pytest

from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource


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
