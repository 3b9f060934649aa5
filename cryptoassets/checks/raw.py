"""Checks of the raw layer: whether a day's history was requested and answered completely."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from cryptoassets.backfills.book import failures
from cryptoassets.backfills.request import request_of
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.backfills.windows import closed_until, points_in
from cryptoassets.checks.ranges import CheckEvent, by_partition
from cryptoassets.checks.results import daily_check, result
from cryptoassets.partitions.spans import Span, partition_name

_SHOWN_CHARACTERS = 120
HISTORY = dg.AssetKey(["raw", "coin_history"])


@dg.multi_asset_check(
    name="coin_history_answered",
    specs=[
        daily_check(
            HISTORY,
            "windows_answered",
            "The source answered for all tracked coins and the whole day",
        )
    ],
)
def coin_history_answered(
    context: dg.AssetCheckExecutionContext, history: HistoryResource
) -> Iterator[CheckEvent]:
    """Name the coins whose points could not be fetched or were not requested.

    Typical causes are a lack of credits and an interrupted run.
    """
    tags = context.run.tags
    yield from by_partition(context, HISTORY, lambda window: [_answered(history, window, tags)])


def _answered(
    history: HistoryResource, window: Span, tags: Mapping[str, str]
) -> dg.AssetCheckResult:
    request = request_of(*window, tags)
    closed = closed_until(datetime.now(UTC), history.interval)
    until = min(window[1], closed, *([request.until] if request.until else []))
    wanted = history.wanted(replace(request, until=until), until)
    why = failures(history.mongo.lake(), history.interval, window)
    problems = [
        f"{coin}: {points_in(spans, history.interval)} missing points of {partition_name(window)} "
        f"({why.get(coin, 'not requested yet')[:_SHOWN_CHARACTERS]})"
        for coin, spans in wanted.items()
    ]
    return result("windows_answered", problems, success="the source answered for every coin")
