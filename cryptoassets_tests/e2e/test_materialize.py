"""Each asset can be materialized alone for the current hour, but not if its store is unavailable.

The tests materialize assets as the UI does: with the job of all assets, and one asset selected.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import StepFailureData

from cryptoassets.definitions import build_defs, defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.partitions.policies import range_tags
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, MakePlatform, Platform, this_hour
from cryptoassets_tests.io_managers.rows import document

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

PAST = "2018-01-01-00:00"
EARLIER = datetime(2026, 1, 1, 7, tzinfo=UTC)
HOUR, DAY = "current hour", "open day"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def platform(make_platform: MakePlatform) -> Iterator[Platform]:
    """A simulator and stores that are empty at first, shared by all tests."""
    with make_platform() as platform:
        yield platform


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    """The current partitions at the start of the module's first test."""
    hour = this_hour()
    return {HOUR: hour, DAY: hour[:10]}


def materialize(
    platform: Platform, asset: str, partition: str, definitions: dg.Definitions = defs
) -> dg.ExecuteInProcessResult:
    """Materialize one asset on the real instance; failures are returned, not raised."""
    with platform.applied_settings(), dagster_instance() as instance:
        return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key=partition,
            asset_selection=[dg.AssetKey.from_user_string(asset)],
            run_config=_QUIET,
            raise_on_error=False,
        )


def failure(result: dg.ExecuteInProcessResult) -> StepFailureData:
    """Return the failure of the step that failed."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Return the metadata of an asset's materialization."""
    key = dg.AssetKey.from_user_string(asset)
    (materialization,) = [
        event.step_materialization_data.materialization
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == key
    ]
    return {name: value.value for name, value in materialization.metadata.items()}


@pytest.mark.parametrize(
    ("asset", "partition", "rows"),
    [
        ("raw/coin_snapshots", HOUR, 100),
        ("clean/coin_prices", HOUR, 100),
        ("warehouse/coins", HOUR, 100),
        ("warehouse/coin_prices", HOUR, 100),
        ("marts/coin_daily", DAY, 100),
        ("marts/coin_candles", DAY, 300),
        ("marts/market_daily", DAY, 1),
    ],
)
def test_each_asset_materializes_alone_in_flow_order(
    platform: Platform, now: dict[str, str], asset: str, partition: str, rows: int
) -> None:
    """The metadata on the asset's page in the UI shows what was written, and where."""
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
        ("marts/coin_candles", "warehouse/coin_prices", PAST[:10]),
        ("marts/market_daily", "marts/coin_daily", PAST[:10]),
    ],
)
def test_a_missing_upstream_partition_is_an_error_with_a_remedy(
    platform: Platform, asset: str, upstream: str, partition: str
) -> None:
    """The message names the asset, the partition and the remedy; the step is not retried."""
    result = materialize(platform, asset, partition)

    data = failure(result)
    message = data.user_failure_data.description if data.user_failure_data else ""
    assert not result.success
    assert upstream in message
    assert "2018-01-01" in message or "2017-12-31" in message
    assert f"A retry will not help; first materialize {upstream} for " in message
    assert [] == [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_past_hour_that_was_never_fetched_fails_without_a_retry(platform: Platform) -> None:
    """CoinCap only returns current prices, which must not be stored in a partition of 2018."""
    before = platform.stores.documents()

    result = materialize(platform, "raw/coin_snapshots", PAST)

    data = failure(result)
    assert not result.success
    assert "cannot be fetched any more; `cryptoassets backfill --from 2018-01-01T" in str(data)
    assert [] == [event for event in result.all_events if event.is_step_up_for_retry]
    assert before == platform.stores.documents()


def test_a_range_fetches_once_and_materializes_only_hours_with_documents(
    platform: Platform, now: dict[str, str]
) -> None:
    """A click on "Materialize all" launches one run over every hour since the first."""
    with platform.stores.lake() as lake:
        lake["coin_snapshots"].insert_one(document("coin-1", observed_at=EARLIER))

    past = materialize(platform, "raw/coin_snapshots", f"{EARLIER:{HOUR_FORMAT}}")
    hours = range_tags(f"{EARLIER:{HOUR_FORMAT}}", now[HOUR])
    of_range = platform.execute("ingest", None, tags=hours)

    skipped = metadata(past, "raw/coin_snapshots")["skipped"]
    assert "past hour: CoinCap only returns current prices; existing documents were kept" == skipped
    materializations = of_range.asset_materializations_for_node("raw__coin_snapshots")
    assert [f"{EARLIER:{HOUR_FORMAT}}", now[HOUR]] == [one.partition for one in materializations]
    assert {"100"} == {str(one.metadata["documents received"].value) for one in materializations}
    assert (
        materializations[1]
        .metadata["next step"]
        .value.startswith(f"launch `process` for {now[HOUR]}, ")
    )


def test_a_range_without_any_data_succeeds_and_materializes_no_partition(
    platform: Platform, now: dict[str, str]
) -> None:
    """`CRYPTOASSETS_CURRENCIES` is `none` here. The publishing step used to fail in this case."""
    hours = range_tags(f"{EARLIER:{HOUR_FORMAT}}", now[HOUR])

    result = platform.execute("rates", None, tags=hours)

    assert result.success
    materializations = result.get_asset_materialization_events()
    assert [dg.AssetKey(["warehouse", "ecb_rates"])] == [one.asset_key for one in materializations]


_UNAVAILABLE = dg.Failure("the store is unavailable", allow_retries=False)


class UnavailableStore(dg.ConfigurableIOManager):
    """An IO manager whose store is unavailable."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:  # noqa: ARG002
        """Fail."""
        raise _UNAVAILABLE

    def load_input(self, context: dg.InputContext) -> object:  # noqa: ARG002
        """Fail."""
        raise _UNAVAILABLE


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
        ("postgres_io_manager", "marts/coin_candles", DAY),
        ("postgres_io_manager", "marts/market_daily", DAY),
    ],
)
def test_an_asset_fails_if_its_store_is_unavailable(
    platform: Platform, now: dict[str, str], io_manager: str, asset: str, partition: str
) -> None:
    """Assets read and write only through IO managers, so an IO manager's failure fails the step."""
    definitions = build_defs(resources={io_manager: UnavailableStore()})

    result = materialize(platform, asset, now[partition], definitions)

    assert not result.success
    assert "the store is unavailable" in str(failure(result))
