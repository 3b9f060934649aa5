"""Dagster runs the checks of the warehouse on rows that the tests insert."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cryptoassets.checks.warehouse import coin_prices_behaviour
from cryptoassets.partitions.policies import HOURLY
from cryptoassets.resources.postgres import PostgresResource, ensure_months

pytestmark = pytest.mark.postgres

HOUR = "2019-06-05-10:00"
END = datetime(2019, 6, 5, 11, tzinfo=UTC)


def plant(postgres: PostgresResource, rows: Iterator[tuple[str, datetime, float]]) -> None:
    """Insert prices: coin, time, US dollars."""
    with postgres.connect() as connection:
        ensure_months(connection, [END.date()])
        connection.cursor().executemany(
            "INSERT INTO warehouse.coin_prices "
            "(coin_id, observed_at, price_usd, rank, source, fetched_at, raw_id) "
            "VALUES (%s, %s, %s, 1, 'simulator', now(), %s)",
            [(coin, moment, price, f"{coin}@{moment}") for coin, moment, price in rows],
        )


def prices(newest: dict[str, float]) -> Iterator[tuple[str, datetime, float]]:
    """Yield 20 calm prices per coin, five minutes apart, then one that `newest` can replace."""
    for number in range(10):
        for step in range(20):
            moment = END - timedelta(minutes=5 * (21 - step))
            yield f"coin-{number}", moment, 100 + (step * 7 + number) % 5 / 10
        last = newest.get(f"coin-{number}", 100 + (19 * 7 + number + 1) % 5 / 10)
        yield f"coin-{number}", END - timedelta(minutes=5), last


@dg.asset(key=["warehouse", "coin_prices"], partitions_def=HOURLY)
def published() -> None:
    """Replace the real asset; the test inserts its rows."""


def evaluations(postgres: PostgresResource) -> dict[str, dg.AssetCheckEvaluation]:
    """Evaluate the checks for the hour; return the evaluations by name."""
    result = dg.materialize(
        [published, coin_prices_behaviour], partition_key=HOUR, resources={"postgres": postgres}
    )
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_unchanged_prices_warn_of_a_stale_answer(postgres: PostgresResource) -> None:
    """No other check notices a source that repeats its prices with a new timestamp."""
    still = {f"coin-{number}": 100 + (19 * 7 + number) % 5 / 10 for number in range(10)}
    plant(postgres, prices(still))

    stale = evaluations(postgres)["stale_answer"]

    assert (False, dg.AssetCheckSeverity.WARN) == (stale.passed, stale.severity)
    assert "the source may be stuck" in str(stale.description)


def test_a_wild_price_warns_and_names_the_coin(postgres: PostgresResource) -> None:
    """The check `stale_answer` passes, because prices have changed."""
    plant(postgres, prices({"coin-3": 200.0}))

    found = evaluations(postgres)

    assert (False, dg.AssetCheckSeverity.WARN) == (
        found["price_moves"].passed,
        found["price_moves"].severity,
    )
    assert str(found["price_moves"].description).startswith("coin-3 +")
    assert found["stale_answer"].passed


def test_a_market_wide_move_is_one_alert(postgres: PostgresResource) -> None:
    """One alert per coin would be too many when the whole market moves."""
    plant(postgres, prices({f"coin-{number}": 80.0 for number in range(10)}))

    moves = evaluations(postgres)["price_moves"]

    assert str(moves.description).startswith("market-wide move: 10 of 10 coins, mean -")


def test_an_hour_without_prices_passes(postgres: PostgresResource) -> None:
    """If all rows of an hour are quarantined, there are no prices to judge."""
    found = evaluations(postgres)

    assert {"price_moves": True, "stale_answer": True} == {
        name: evaluation.passed for name, evaluation in found.items()
    }


def test_moves_are_not_reported_as_normal_if_no_coin_was_judged(
    postgres: PostgresResource,
) -> None:
    """After the first runs, "no problems found" would suggest that coins were judged."""
    plant(postgres, itertools.islice(prices({}), 3))

    moves = evaluations(postgres)["price_moves"]

    assert str(moves.description).startswith("nothing to judge yet: ")
    assert dg.MetadataValue.int(0) == moves.metadata["coins judged"]
