"""Raw coin snapshots to typed, judged rows; one row a raw document, none lost.

What goes here: the plan of `clean/coin_prices` and what is read off it. What stays out: single
rules (in `rules`), outcomes (in `outcomes`) and daily figures (in `marts`).
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cryptoassets.schemas import CLEAN_COIN_PRICES, COIN_PRICES, COINS
from cryptoassets.transforms.numbers import numbers_as_text
from cryptoassets.transforms.outcomes import contradictions_named, outcome
from cryptoassets.transforms.rules import (
    SOURCE_FIELDS,
    identity_reasons,
    measure,
    number_problems,
    number_reasons,
    plausibility_reasons,
)

MIN_SNAPSHOT_SHARE = 0.4
MAX_BROKEN_SHARE = 0.6

_TEXT_FIELDS = ("id", "rank", "symbol", "name", "explorer")
# Every field is read as text: a number or an object that stands where a text belongs keeps its
# JSON text, and the rules judge that.
_COIN_SCHEMA = ", ".join(f"`{name}` STRING" for name in (*_TEXT_FIELDS, *SOURCE_FIELDS.values()))


def judged_prices(snapshots: DataFrame) -> DataFrame:
    """Type every raw document, name the rules it breaks and give it its outcome.

    Args:
        snapshots: columns of `schemas.RAW_COIN_SNAPSHOTS`, whole snapshots only.

    Returns:
        Columns of `schemas.CLEAN_COIN_PRICES`, unordered; as many rows as came in. `outcome` is
        `quarantined` where `reasons` is not empty; else `valid` for the latest `fetched_at` of a
        (coin_id, observed_at) and `superseded` for the earlier ones.
    """
    # Written down once: each call on a Column is a call of the JVM, and these are thousands.
    problems = number_problems()
    rows = _with_row_reasons(_typed(snapshots, problems), problems)
    of_snapshot = Window.partitionBy("observed_at")
    # Not the size of a collect_set, which puts every coin of a snapshot into each of its rows.
    coin_before = F.lag("coin_id").over(of_snapshot.orderBy("coin_id"))
    is_next_coin = F.col("coin_id").isNotNull() & ~coin_before.eqNullSafe(F.col("coin_id"))
    rows = rows.withColumn("is_next_coin", is_next_coin.cast("int"))
    coins_seen = F.sum("is_next_coin").over(of_snapshot)
    is_broken = F.when(F.size("reasons") > 0, 1.0).otherwise(0.0)
    # A document that is not ours says nothing of the answer: its null does not count.
    broken_share = F.avg(F.when(~F.col("is_foreign"), is_broken)).over(of_snapshot)
    is_incomplete = F.col("is_repeated") | (
        coins_seen < F.col("coins_asked") * F.lit(MIN_SNAPSHOT_SHARE)
    )
    snapshot_reasons = F.array_compact(
        F.array(
            F.when(is_incomplete, F.lit("snapshot_incomplete")),
            F.when(broken_share > MAX_BROKEN_SHARE, F.lit("snapshot_unreliable")),
        )
    )
    judged = rows.withColumn("snapshot_reasons", snapshot_reasons).withColumn(
        "reasons",
        F.when(F.col("is_foreign"), F.array(F.lit("foreign_document"))).otherwise(
            F.array_sort(F.concat("reasons", "snapshot_reasons"))
        ),
    )
    judged = judged.withColumn("reasons", contradictions_named(COIN_PRICES.key))
    return judged.withColumn("outcome", outcome(COIN_PRICES.key)).select(
        *CLEAN_COIN_PRICES.column_names
    )


def _typed(snapshots: DataFrame, problems: Mapping[str, Column]) -> DataFrame:
    coin = F.from_json(numbers_as_text(F.col("payload")), _COIN_SCHEMA)
    return snapshots.withColumn("coin", coin).select(
        "*",
        F.col("coin.symbol").alias("symbol"),
        F.col("coin.name").alias("name"),
        F.col("coin.explorer").alias("explorer"),
        F.col("coin.rank").try_cast("int").alias("rank"),
        *(measure(column, problem).alias(column) for column, problem in problems.items()),
    )


def _with_row_reasons(typed: DataFrame, problems: Mapping[str, Column]) -> DataFrame:
    reasons = [*identity_reasons(), *number_reasons(problems), *plausibility_reasons()]
    return typed.withColumn("reasons", F.array_compact(F.array(*reasons))).withColumn(
        "source", F.coalesce("source", F.lit("unknown"))
    )


def coins_seen(judged: DataFrame) -> DataFrame:
    """Describe each coin by its newest valid observation.

    Args:
        judged: columns of `schemas.CLEAN_COIN_PRICES`.

    Returns:
        Columns of `schemas.COINS`, one row a coin, unordered.
    """
    described = [name for name in COINS.column_names if not name.endswith("_at")]
    newest = F.max_by(F.struct(*described), "observed_at")
    return (
        judged.where(F.col("outcome") == "valid")
        .groupBy("coin_id")
        .agg(
            newest.alias("newest"),
            F.min("observed_at").alias("first_seen_at"),
            F.max("observed_at").alias("last_seen_at"),
        )
        .select("newest.*", "first_seen_at", "last_seen_at")
        .select(*COINS.column_names)
    )
