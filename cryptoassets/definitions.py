"""The only place where the parts are wired together: assets, checks, jobs, IO managers, resources.

What goes here: wiring. What stays out: the parts themselves. Locally, one code location contains
all layers. In compose, `producer` contains the layer `raw`, and `spark-consumer` contains the other
layers.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import dagster as dg

from cryptoassets import assets, checks, jobs, sensors
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.io_managers.mongo import MongoIOManager
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.resources.coincap import CoinCapResource
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import FLOWS

ALL = assets.LAYERS


def build_defs(
    *, layers: Collection[str] = ALL, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Assemble the definitions of some layers.

    Args:
        layers: any of `raw`, `clean`, `warehouse` and `marts`.
        resources: replacements for the default resources, by key.
    """
    return dg.Definitions(
        assets=[*assets.assets_in(layers), *_upstream_elsewhere(layers)],
        asset_checks=checks.checks_in(layers),
        jobs=jobs.jobs_in(layers),
        schedules=jobs.schedules_in(layers),
        sensors=sensors.sensors_in(layers),
        resources={**default_resources(), **(resources or {})},
        # All steps share the run's SparkSession. A process per step would need its own session.
        executor=dg.in_process_executor,
    )


def _upstream_elsewhere(layers: Collection[str]) -> list[dg.AssetSpec]:
    """Return specs of earlier layers' assets that another code location materializes."""
    last = max(ALL.index(name) for name in layers)
    missing = [name for name in ALL[:last] if name not in layers]
    return [
        spec.with_io_manager_key(definition.get_io_manager_key_for_asset_key(spec.key))
        for definition in assets.assets_in(missing)
        if isinstance(definition, dg.AssetsDefinition)
        for spec in definition.specs
    ]


def default_resources(*, is_long_lived: bool = False) -> dict[str, Any]:
    """Return the resources and IO managers; each reads the settings when it is first used.

    Args:
        is_long_lived: whether the process runs for hours; see `SparkResource`.
    """
    mongo, postgres = MongoResource(), PostgresResource()
    spark = SparkResource(is_long_lived=is_long_lived)
    return {
        "mongo": mongo,
        "postgres": postgres,
        "coincap": CoinCapResource(postgres=postgres),
        "history": HistoryResource(mongo=mongo, postgres=postgres),
        "mongo_io_manager": MongoIOManager(mongo=mongo, spark=spark),
        "spark_io_manager": SparkIOManager(spark=spark),
        "postgres_io_manager": PostgresIOManager(postgres=postgres, spark=spark),
    }


def producer() -> dg.Definitions:
    """Return the definitions of compose's code location for fetching; its runs need no Java."""
    return build_defs(layers=("raw",))


def spark_consumer() -> dg.Definitions:
    """Return the definitions of compose's code location for processing on the Spark cluster."""
    return build_defs(layers=("clean", "warehouse", "marts"))


@cache
def _defs_of(_flows: tuple[str, ...]) -> dg.Definitions:
    return build_defs()


def current_defs() -> dg.Definitions:
    """Return the definitions of all layers, built from the current content of `FLOWS`."""
    return _defs_of(tuple(flow.asset for flow in FLOWS))


defs = current_defs()
