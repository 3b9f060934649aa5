"""Checks of the warehouse: the three stores agree, and prices are plausible."""

from collections.abc import Iterator

import dagster as dg

from cryptoassets.checks.places import reconcile
from cryptoassets.checks.ranges import CheckEvent, by_partition
from cryptoassets.checks.recent_prices import recent_prices
from cryptoassets.checks.results import daily_check, hourly_check, result
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.transforms.moves import Moves, repeated_share, wild_moves

PRICES = dg.AssetKey(["warehouse", "coin_prices"])
HISTORY = dg.AssetKey(["warehouse", "coin_price_history"])


@dg.multi_asset_check(
    name="coin_prices_reconciliation",
    specs=[
        hourly_check(
            PRICES,
            "reconciliation",
            "Every raw document is in exactly one place: loaded, quarantined or superseded",
        )
    ],
)
def coin_prices_reconciliation(
    context: dg.AssetCheckExecutionContext, mongo: MongoResource, postgres: PostgresResource
) -> Iterator[CheckEvent]:
    """Compare MongoDB, Parquet and PostgreSQL hour by hour; compare ids if counts differ."""
    yield from by_partition(
        context, PRICES, lambda window: [_reconciled(mongo, postgres, SNAPSHOT_FLOW, window)]
    )


def _reconciled(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, window: Span
) -> dg.AssetCheckResult:
    found = reconcile(mongo, postgres, flow, window)
    return result(
        "reconciliation", found.problems, documents=found.documents, waiting=found.waiting
    )


@dg.multi_asset_check(
    name="coin_price_history_reconciliation",
    specs=[
        daily_check(
            HISTORY,
            "reconciliation",
            "Every raw point is in exactly one place: loaded, quarantined or superseded",
        )
    ],
)
def coin_price_history_reconciliation(
    context: dg.AssetCheckExecutionContext, mongo: MongoResource, postgres: PostgresResource
) -> Iterator[CheckEvent]:
    """Compare MongoDB, Parquet and PostgreSQL day by day; compare ids if counts differ."""
    yield from by_partition(
        context, HISTORY, lambda window: [_reconciled(mongo, postgres, HISTORY_FLOW, window)]
    )


@dg.multi_asset_check(
    name="coin_prices_behaviour",
    specs=[
        hourly_check(PRICES, "price_moves", "No price moves unusually, compared with its own past"),
        hourly_check(PRICES, "stale_answer", "The newest answer differs from the one before"),
    ],
)
def coin_prices_behaviour(
    context: dg.AssetCheckExecutionContext, postgres: PostgresResource
) -> Iterator[CheckEvent]:
    """Warn about prices that move too much, or not at all, in each hour."""
    yield from by_partition(context, PRICES, lambda window: _behaviour(postgres, window))


def _behaviour(postgres: PostgresResource, window: Span) -> Iterator[dg.AssetCheckResult]:
    prices = recent_prices(postgres, window[1])
    moves = wild_moves(prices)
    yield result("price_moves", _move_problems(moves), coins_judged=moves.judged)
    share = repeated_share(prices)
    problem = "every coin has the same price as in the snapshot before: the source may be stuck"
    yield result("stale_answer", [problem] if share == 1.0 else [], share=share)


def _move_problems(moves: Moves) -> list[str]:
    if moves.is_market_wide:
        mean = sum(move.return_pct for move in moves.wild) / len(moves.wild)
        return [f"market-wide move: {len(moves.wild)} of {moves.judged} coins, mean {mean:+.1f} %"]
    return [f"{move.coin_id} {move.return_pct:+.1f} % (z {move.z:+.0f})" for move in moves.wild]
