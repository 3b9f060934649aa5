"""Each asset can be materialized alone for the current hour, and none without its store.

The tests materialize as the UI does: by the job over all assets, with one asset selected.
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import StepFailureData

from cryptoassets.definitions import build_defs, defs
from cryptoassets.embedded import dagster_instance
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

PAST = "2018-01-01-00:00"
HOUR, DAY = "open hour", "open day"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    """The current partitions at the start of the module's first test."""
    moment = datetime.now(UTC)
    return {HOUR: moment.strftime(HOUR_FORMAT), DAY: moment.strftime("%Y-%m-%d")}


def materialize(
    platform: Platform, asset: str, partition: str, of: dg.Definitions = defs
) -> dg.ExecuteInProcessResult:
    """Materialize one asset alone on the real instance; failures are returned, not raised."""
    with platform.in_force(), dagster_instance() as instance:
        return of.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key=partition,
            asset_selection=[dg.AssetKey.from_user_string(asset)],
            run_config=_QUIET,
            raise_on_error=False,
        )


def failure(result: dg.ExecuteInProcessResult) -> StepFailureData:
    """The failure of the only failed step."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """The metadata of an asset's materialization."""
    key = dg.AssetKey.from_user_string(asset)
    (made,) = [
        event.step_materialization_data.materialization
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == key
    ]
    return {name: value.value for name, value in made.metadata.items()}


@pytest.mark.parametrize(
    ("asset", "partition", "rows"),
    [
        ("raw/coin_snapshots", HOUR, 100),
        ("clean/coin_prices", HOUR, 100),
        ("warehouse/coins", HOUR, 100),
        ("warehouse/coin_prices", HOUR, 100),
        ("marts/coin_daily", DAY, 100),
        ("marts/market_daily", DAY, 1),
    ],
)
def test_each_asset_materializes_alone_in_flow_order(
    platform: Platform, now: dict[str, str], asset: str, partition: str, rows: int
) -> None:
    """After a click on one asset in the UI, its page shows what was written and where."""
    result = materialize(platform, asset, now[partition])

    assert result.success
    facts = metadata(result, asset)
    assert rows == facts["dagster/partition_row_count"]
    assert facts["dagster/column_schema"].columns
    assert "|" in facts["preview"]
    assert "admin" not in facts["dagster/uri"]


@pytest.mark.parametrize(
    ("asset", "upstream", "partition"),
    [
        ("clean/coin_prices", "raw/coin_snapshots", PAST),
        ("warehouse/coins", "clean/coin_prices", PAST),
        ("warehouse/coin_prices", "clean/coin_prices", PAST),
        ("marts/coin_daily", "warehouse/coin_prices", PAST[:10]),
        ("marts/market_daily", "marts/coin_daily", PAST[:10]),
    ],
)
def test_a_missing_upstream_partition_is_an_error_with_a_remedy(
    platform: Platform, asset: str, upstream: str, partition: str
) -> None:
    """The message names asset, partition and remedy; there is no retry because none can help."""
    result = materialize(platform, asset, partition)

    data = failure(result)
    message = data.user_failure_data.description if data.user_failure_data else ""
    assert not result.success
    assert upstream in message
    assert "2018-01-01" in message or "2017-12-25" in message
    assert f"A retry will not help; first materialize {upstream} for " in message
    assert [] == [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_past_hour_keeps_its_documents_and_reports_it(platform: Platform) -> None:
    """CoinCap only returns current prices; `ingest` of 2018 must not store today's under 2018."""
    before = platform.stores.documents()

    result = materialize(platform, "raw/coin_snapshots", PAST)

    assert result.success
    facts = metadata(result, "raw/coin_snapshots")
    assert (
        "past hour: CoinCap only returns current prices; existing documents were kept"
        == facts["skipped"]
    )
    assert before == platform.stores.documents()


_AWAY = dg.Failure("the store is away", allow_retries=False)


class Away(dg.ConfigurableIOManager):
    """An IO manager whose store is unavailable."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:  # noqa: ARG002
        """Fail."""
        raise _AWAY

    def load_input(self, context: dg.InputContext) -> object:  # noqa: ARG002
        """Fail."""
        raise _AWAY


@pytest.mark.parametrize(
    ("io_manager", "asset", "partition"),
    [
        ("mongo_io_manager", "raw/coin_snapshots", HOUR),
        ("mongo_io_manager", "clean/coin_prices", HOUR),
        ("spark_io_manager", "clean/coin_prices", HOUR),
        ("spark_io_manager", "warehouse/coin_prices", HOUR),
        ("spark_io_manager", "warehouse/coins", HOUR),
        ("postgres_io_manager", "warehouse/coin_prices", HOUR),
        ("postgres_io_manager", "warehouse/coins", HOUR),
        ("postgres_io_manager", "marts/coin_daily", DAY),
        ("postgres_io_manager", "marts/market_daily", DAY),
    ],
)
def test_without_its_io_manager_an_asset_fails(
    platform: Platform, now: dict[str, str], io_manager: str, asset: str, partition: str
) -> None:
    """Asset functions do not open stores themselves."""
    without = build_defs(resources={io_manager: Away()})

    result = materialize(platform, asset, now[partition], without)

    assert not result.success
    assert "the store is away" in str(failure(result))
