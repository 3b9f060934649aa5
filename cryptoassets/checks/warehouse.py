"""Checks of the warehouse: do MongoDB, Parquet and PostgreSQL agree, and are prices plausible?"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from cryptoassets.checks.places import reconcile
from cryptoassets.checks.ranges import CheckEvent, by_partition
from cryptoassets.checks.recent_prices import RecentPrices
from cryptoassets.checks.results import check_of, hourly_check, result
from cryptoassets.partitions.spans import Span, partition_window
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow
from cryptoassets.transforms.moves import MIN_RETURNS, Moves, repeated_share, wild_moves

PRICES = dg.AssetKey(["warehouse", "coin_prices"])
# A Dagster check either passes or fails, so only its description can say that nothing was judged.
_NOTHING_TO_JUDGE = (
    f"nothing to judge yet: a coin needs at least {MIN_RETURNS + 2} snapshots within 24 hours"
)


def reconciliation_check(flow: Flow) -> dg.AssetChecksDefinition:
    """Return the check that compares MongoDB, Parquet and PostgreSQL partition by partition."""
    asset = dg.AssetKey.from_user_string(flow.asset)

    @dg.multi_asset_check(
        name=f"{flow.published.name}_reconciliation",
        description="Compare counts and checksums of MongoDB, Parquet and PostgreSQL. Where they "
        "differ, compare ids.",
        specs=[
            check_of(
                flow,
                asset,
                "reconciliation",
                "Every raw document is in exactly one place: loaded, quarantined or superseded",
            )
        ],
    )
    def reconciliation(
        context: dg.AssetCheckExecutionContext, mongo: MongoResource, postgres: PostgresResource
    ) -> Iterator[CheckEvent]:
        yield from by_partition(
            context, asset, lambda window: [_reconciled(mongo, postgres, flow, window)]
        )

    return reconciliation


def _reconciled(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, window: Span
) -> dg.AssetCheckResult:
    found = reconcile(mongo, postgres, flow, window)
    return result(
        "reconciliation", found.problems, documents=found.documents, waiting=found.waiting
    )


@dg.multi_asset_check(
    name="coin_prices_behaviour",
    specs=[
        hourly_check(PRICES, "price_moves", "No price moves unusually, compared with its own past"),
        hourly_check(PRICES, "stale_answer", "The newest snapshot differs from the previous one"),
    ],
)
def coin_prices_behaviour(
    context: dg.AssetCheckExecutionContext, postgres: PostgresResource
) -> Iterator[CheckEvent]:
    """Warn about unusual price moves, and about a snapshot that repeats the previous one."""
    hours = [partition_window(key) for key in context.op_execution_context.partition_keys]
    recent = _RecentPricesOfDays(postgres, hours)
    yield from by_partition(context, PRICES, lambda hour: _behaviour(recent.of(hour), hour))


class _RecentPricesOfDays:
    """Reads recent prices for one day of the run at a time: a run may cover thousands of hours."""

    def __init__(self, postgres: PostgresResource, hours: list[Span]) -> None:
        self._postgres = postgres
        self._hours = hours
        self._day: date | None = None

    def of(self, hour: Span) -> RecentPrices:
        """Return the prices of the hour's day; hours must be requested in order."""
        if self._day != hour.start.date():
            self._day = hour.start.date()
            of_day = [one for one in self._hours if one.start.date() == self._day]
            self._recent = RecentPrices(self._postgres, Span(of_day[0].start, of_day[-1].end))
        return self._recent


def _behaviour(recent: RecentPrices, window: Span) -> Iterator[dg.AssetCheckResult]:
    prices = recent.before(window.end)
    moves = wild_moves(prices)
    success = "no problems found" if moves.judged else _NOTHING_TO_JUDGE
    yield result("price_moves", _move_problems(moves), success=success, coins_judged=moves.judged)
    share = repeated_share(prices)
    problem = "every coin has the same price as in the previous snapshot: the source may be stuck"
    yield result("stale_answer", [problem] if share == 1.0 else [], share=share)


def _move_problems(moves: Moves) -> list[str]:
    if moves.is_market_wide:
        mean = sum(move.return_pct for move in moves.wild) / len(moves.wild)
        return [f"market-wide move: {len(moves.wild)} of {moves.judged} coins, mean {mean:+.1f} %"]
    return [f"{move.coin_id} {move.return_pct:+.1f} % (z {move.z:+.0f})" for move in moves.wild]
