"""Checks of the clean layer. Contract checks block publishing; data quality checks do not."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as ds

from cryptoassets.assets.descriptions import HIGH_PRIORITY
from cryptoassets.checks.ranges import CheckEvent, by_partition
from cryptoassets.checks.results import check_of, hourly_check, result
from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import SNAPSHOT_FLOW, Flow, table_named
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.clean_folders import (
    clean_partition,
    file_parts,
    folder_of,
    shared_instants,
)
from cryptoassets.transforms.contract import (
    column_problems,
    conservation_problems,
    key_problems,
)
from cryptoassets.transforms.drift import drift

PRICES = dg.AssetKey(["clean", "coin_prices"])
QUARANTINE_SHARE_LIMIT = 0.05
_ROWS_PER_BATCH = 20_000
_SHARE = "quarantine_share"


def contract_checks(flow: Flow) -> dg.AssetChecksDefinition:
    """Return the checks that a flow's judged rows must pass before they are published.

    In a run over several partitions, a partition that fails `keys` or `outcomes` is not published,
    but the others are. Daily partitions are usually processed in such runs, so these two checks
    never block daily flows.
    """
    asset = dg.AssetKey(["clean", flow.clean.name])
    has_share = _SHARE not in flow.own_checks
    descriptions = {
        "columns": "Columns and types match the contract",
        "keys": "No key is null or duplicate",
        "outcomes": "raw = valid + quarantined + superseded",
    }
    blocking = [*descriptions] if flow.is_hourly else ["columns"]
    if has_share:
        descriptions[_SHARE] = f"At most 5 % of the {flow.unit}'s documents are quarantined"

    def judge(window: Span) -> Iterator[dg.AssetCheckResult]:
        results = list(_contract(asset, flow, window))
        yield from results
        if has_share and results[0].passed:
            yield _quarantine_share(_cleaned(asset, window))
        elif has_share:
            yield result(_SHARE, ["the columns are wrong"])

    @dg.multi_asset_check(
        name=f"{flow.clean.name}_contract",
        description="Check the conditions for publishing rows to PostgreSQL.",
        specs=[
            check_of(flow, asset, name, description, blocking=name in blocking)
            for name, description in descriptions.items()
        ],
        op_tags=HIGH_PRIORITY,
    )
    def contract(context: dg.AssetCheckExecutionContext) -> Iterator[CheckEvent]:
        yield from by_partition(context, asset, judge, blocking=("columns",))

    return contract


def _contract(asset: dg.AssetKey, flow: Flow, window: Span) -> Iterator[dg.AssetCheckResult]:
    """Check a partition file by file.

    All rows with the same `observed_at` are in one file, so files can be checked separately. The
    check `keys` also verifies this condition.
    """
    judged, key = _cleaned(asset, window), flow.published.key
    files = list(judged.get_fragments())
    schema = arrow_schema(flow.clean)
    wrong = {problem for file in files for problem in column_problems(file.physical_schema, schema)}
    yield result("columns", sorted(wrong))
    if wrong:
        for name in ("keys", "outcomes"):
            yield result(name, ["the columns are wrong"])
        return
    keys, outcomes, count = shared_instants(file_parts(*folder_of(flow.clean, window))), [], 0
    for file in files:
        rows = file.to_table(columns=["raw_id", *key, "outcome", "reasons"])
        keys += key_problems(rows, key)
        outcomes += conservation_problems(rows)
        count += rows.num_rows
    yield result("keys", keys, rows=count)
    yield result("outcomes", outcomes, rows=count)


def _cleaned(asset: dg.AssetKey, window: Span) -> ds.Dataset:
    judged = clean_partition(table_named(".".join(asset.path)), window)
    if judged is None:
        raise UpstreamNotMaterializedError(
            f"{asset.to_user_string()} has no partition {partition_name(window)!r} under "
            "CLEAN_PATH any more. A retry will not help; materialize the partition again"
        )
    return judged


@dg.multi_asset_check(
    name="coin_prices_quality",
    specs=[
        hourly_check(
            PRICES,
            "newest_snapshot_complete",
            "The newest snapshot has at least 40 % of the requested coins",
        ),
        hourly_check(
            PRICES,
            "newest_snapshot_reliable",
            "At most 60 % of the newest snapshot's rows are broken",
        ),
        hourly_check(PRICES, _SHARE, "At most 5 % of the hour's documents are quarantined"),
        hourly_check(PRICES, "payload_drift", "Coins have the expected keys and JSON types"),
    ],
)
def coin_prices_quality(context: dg.AssetCheckExecutionContext) -> Iterator[CheckEvent]:
    """Check the quality of each hour; none of these checks blocks publishing."""
    yield from by_partition(context, PRICES, _quality)


def _quality(window: Span) -> Iterator[dg.AssetCheckResult]:
    judged = _cleaned(PRICES, window)
    ends = [part.last for part in file_parts(*folder_of(SNAPSHOT_FLOW.clean, window))]
    newest = max(filter(None, ends), default=None)
    is_newest = ds.field("observed_at") == newest
    rows = judged.to_table(columns=["coin_id", "reasons", "payload"], filter=is_newest)
    reasons = {reason for row in rows["reasons"].to_pylist() for reason in row}
    coins = pc.count_distinct(rows["coin_id"]).as_py()
    facts = {"observed_at": str(newest), "coins": coins}
    for name, reason in (
        ("newest_snapshot_complete", "snapshot_incomplete"),
        ("newest_snapshot_reliable", "snapshot_unreliable"),
    ):
        problem = f"the snapshot of {newest} ({coins} coins) is completely quarantined: {reason}"
        yield result(name, [problem] if reason in reasons else [], **facts)
    yield _quarantine_share(judged)
    yield result("payload_drift", drift(filter(None, rows["payload"].to_pylist())))


def _quarantine_share(judged: ds.Dataset) -> dg.AssetCheckResult:
    raw, quarantined, by_reason = 0, 0, Counter[str]()
    for batch in judged.to_batches(columns=["outcome", "reasons"], batch_size=_ROWS_PER_BATCH):
        refused = batch.filter(pc.equal(batch["outcome"], "quarantined"))
        raw, quarantined = raw + batch.num_rows, quarantined + refused.num_rows
        for entry in pc.value_counts(pc.list_flatten(refused["reasons"])).to_pylist():
            by_reason[entry["values"]] += entry["counts"]
    share = quarantined / raw if raw else 0.0
    problem = f"{quarantined} of {raw} documents ({share:.1%}): {dict(by_reason)}"
    return result(
        _SHARE,
        [problem] if share > QUARANTINE_SHARE_LIMIT else [],
        share=share,
        reasons=dict(by_reason),
    )
