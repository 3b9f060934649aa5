"""Checks of the clean layer: the contract blocks, what the newest snapshot is worth does not."""

from collections.abc import Iterator

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as ds

from cryptoassets.assets.descriptions import FIRST
from cryptoassets.checks.ranges import Judged, by_partition
from cryptoassets.checks.results import WARN, daily_check, hourly_check, result
from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.io_managers.address import table_of
from cryptoassets.io_managers.clean_folders import clean_partition
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.contract import (
    column_problems,
    conservation_problems,
    key_problems,
    tally,
)
from cryptoassets.transforms.drift import drift

PRICES = dg.AssetKey(["clean", "coin_prices"])
HISTORY = dg.AssetKey(["clean", "coin_price_history"])
QUARANTINE_SHARE_LIMIT = 0.05


@dg.multi_asset_check(
    name="coin_prices_contract",
    specs=[
        hourly_check(
            PRICES, "columns", "Columns and types are those of the contract", blocking=True
        ),
        hourly_check(PRICES, "keys", "No key is null or doubled", blocking=True),
        hourly_check(PRICES, "outcomes", "raw = valid + quarantined + superseded", blocking=True),
    ],
    op_tags=FIRST,
)
def coin_prices_contract(context: dg.AssetCheckExecutionContext) -> Iterator[Judged]:
    """What must hold before PostgreSQL is touched.

    Of a range the publishing leaves out the hour that breaks `keys` or `outcomes`, and no other.
    """
    yield from by_partition(
        context,
        PRICES,
        lambda window: _contract(_cleaned(PRICES, window), SNAPSHOT_FLOW),
        blocking=("columns",),
    )


def _contract(judged: ds.Dataset, flow: Flow) -> Iterator[dg.AssetCheckResult]:
    key = flow.published.key
    wrong = column_problems(judged.schema, arrow_schema(flow.clean))
    yield result("columns", wrong)
    if wrong:
        for name in ("keys", "outcomes"):
            yield result(name, ["the columns are wrong"])
        return
    rows = judged.to_table(columns=["raw_id", *key, "outcome", "reasons"])
    yield result("keys", key_problems(rows, key), rows=rows.num_rows)
    yield result("outcomes", conservation_problems(rows), rows=rows.num_rows)


def _cleaned(asset: dg.AssetKey, window: Span) -> ds.Dataset:
    judged = clean_partition(table_of(asset), window)
    if judged is None:
        raise UpstreamNotMaterializedError(
            f"{asset.to_user_string()} has no partition {partition_name(window)!r} under "
            "CLEAN_PATH any more. A retry will not help; materialize it again"
        )
    return judged


@dg.multi_asset_check(
    name="coin_price_history_contract",
    specs=[
        daily_check(
            HISTORY, "columns", "Columns and types are those of the contract", blocking=True
        ),
        # Not blocking: the publishing leaves out the day that breaks them, and no other.
        daily_check(HISTORY, "keys", "No key is null or doubled"),
        daily_check(HISTORY, "outcomes", "raw = valid + quarantined + superseded"),
        daily_check(HISTORY, "quarantine_share", "At most 5 % of the day is quarantined"),
    ],
)
def coin_price_history_contract(context: dg.AssetCheckExecutionContext) -> Iterator[Judged]:
    """What must hold of each day, and how much of it was refused."""
    yield from by_partition(context, HISTORY, _judge_history, blocking=("columns",))


def _judge_history(window: Span) -> Iterator[dg.AssetCheckResult]:
    judged = _cleaned(HISTORY, window)
    results = list(_contract(judged, HISTORY_FLOW))
    yield from results
    if results[0].passed:
        yield _quarantine_share(judged.to_table(columns=["outcome", "reasons"]))
    else:
        yield result("quarantine_share", ["the columns are wrong"], severity=WARN)


@dg.multi_asset_check(
    name="coin_prices_quality",
    specs=[
        hourly_check(
            PRICES, "newest_snapshot_complete", "At least 40 % of the coins asked for came"
        ),
        hourly_check(PRICES, "newest_snapshot_reliable", "At most 60 % of its rows are broken"),
        hourly_check(PRICES, "quarantine_share", "At most 5 % of the hour is quarantined"),
        hourly_check(PRICES, "payload_drift", "Coins have the keys and types they always had"),
    ],
)
def coin_prices_quality(context: dg.AssetCheckExecutionContext) -> Iterator[Judged]:
    """What a person should know of each hour; nothing here holds an hour back."""
    yield from by_partition(context, PRICES, lambda window: _quality(_cleaned(PRICES, window)))


def _quality(judged: ds.Dataset) -> Iterator[dg.AssetCheckResult]:
    rows = judged.to_table(columns=["observed_at", "coin_id", "outcome", "reasons"])
    newest = pc.max(rows["observed_at"])
    of_newest = rows.filter(pc.equal(rows["observed_at"], newest))
    reasons = {reason for row in of_newest["reasons"].to_pylist() for reason in row}
    coins = pc.count_distinct(of_newest["coin_id"]).as_py()
    told = {"observed_at": str(newest), "coins": coins}
    for name, reason in (
        ("newest_snapshot_complete", "snapshot_incomplete"),
        ("newest_snapshot_reliable", "snapshot_unreliable"),
    ):
        problem = f"the snapshot of {newest} ({coins} coins) is quarantined whole: {reason}"
        yield result(name, [problem] if reason in reasons else [], **told)
    yield _quarantine_share(rows)
    payloads = judged.to_table(columns=["payload"], filter=ds.field("observed_at") == newest)
    yield result(
        "payload_drift", drift(filter(None, payloads["payload"].to_pylist())), severity=WARN
    )


def _quarantine_share(rows: ds.Dataset) -> dg.AssetCheckResult:
    counted = tally(rows)
    share = counted.quarantined / counted.raw if counted.raw else 0.0
    quarantined = rows.filter(pc.equal(rows["outcome"], "quarantined"))
    reasons = pc.value_counts(pc.list_flatten(quarantined["reasons"])).to_pylist()
    by_reason = {entry["values"]: entry["counts"] for entry in reasons}
    problem = f"{counted.quarantined} of {counted.raw} documents ({share:.1%}): {by_reason}"
    return result(
        "quarantine_share",
        [problem] if share > QUARANTINE_SHARE_LIMIT else [],
        severity=WARN,
        share=share,
        reasons=by_reason,
    )
