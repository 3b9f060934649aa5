"""Raw points of history to typed, judged rows; one row a raw document, none lost.

What goes here: the plan of `clean/coin_price_history`, its rules included. What stays out: what
the reason codes mean to people (in `rules`), outcomes (in `outcomes`).
"""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, COIN_PRICE_HISTORY, INTERVAL_MS
from cryptoassets.transforms.numbers import decimal_value, number_problem, numbers_as_text
from cryptoassets.transforms.outcomes import contradictions_named, outcome
from cryptoassets.transforms.rules import HISTORY_FIELDS, is_slug

# Read as text, as coins are: a number that stands where a text belongs keeps its JSON text.
_POINT_SCHEMA = ", ".join(f"`{name}` STRING" for name in (*HISTORY_FIELDS.values(), "time", "date"))


def judged_history(points: DataFrame) -> DataFrame:
    """Type every raw document, name the rules it breaks and give it its outcome.

    Args:
        points: columns of `schemas.RAW_COIN_HISTORY`.

    Returns:
        Columns of `schemas.CLEAN_COIN_PRICE_HISTORY`, unordered; as many rows as came in. Of
        several answers for a (coin_id, interval, observed_at) the latest `fetched_at` is valid.
    """
    typed = points.withColumn(
        "point", F.from_json(numbers_as_text(F.col("payload")), _POINT_SCHEMA)
    )
    typed = typed.withColumns({column: _measure(column) for column in HISTORY_FIELDS})
    reasons = F.when(F.col("is_foreign"), F.array(F.lit("foreign_document"))).otherwise(
        F.array_sort(F.array_compact(F.array(*_reasons())))
    )
    judged = typed.withColumn("reasons", reasons).withColumn(
        "source", F.coalesce("source", F.lit("unknown"))
    )
    judged = judged.withColumn("reasons", contradictions_named(COIN_PRICE_HISTORY.key))
    with_outcome = judged.withColumn("outcome", outcome(COIN_PRICE_HISTORY.key))
    return with_outcome.select(*CLEAN_COIN_PRICE_HISTORY.column_names)


def _measure(column: str) -> Column:
    text = _text(column)
    return F.when(number_problem(text).isNull(), decimal_value(text))


def _text(column: str) -> Column:
    return F.col("point")[HISTORY_FIELDS[column]]


def _reasons() -> list[Column]:
    """One code or null for each rule on a point."""
    point = F.col("point")
    numbers = [
        F.concat(F.lit(f"{column}_"), number_problem(_text(column))) for column in HISTORY_FIELDS
    ]
    return [
        *numbers,
        _code("price_usd_missing", point["priceUsd"].isNull()),
        _code("price_usd_not_positive", F.col("price_usd") <= 0),
        _code("circulating_supply_negative", F.col("circulating_supply") < 0),
        _code("bad_id", ~F.coalesce(is_slug(F.col("coin_id")), F.lit(False))),
        _code("interval_unknown", ~F.coalesce(_is_interval(), F.lit(False))),
        _code("off_grid", F.unix_millis("observed_at") % _step() != 0),
        _code("time_mismatch", ~F.coalesce(_is_one_instant(), F.lit(False))),
    ]


def _is_interval() -> Column:
    return F.col("interval").isin(*INTERVAL_MS)


def _step() -> Column:
    """Milliseconds of the row's interval; null where it is unknown."""
    known = (F.when(F.col("interval") == name, F.lit(ms)) for name, ms in INTERVAL_MS.items())
    return F.coalesce(*known)


def _is_one_instant() -> Column:
    """Whether `time`, `date` where there is one, and the document say the same."""
    observed = F.unix_millis("observed_at")
    time, date = F.col("point")["time"], F.col("point")["date"]
    said = [
        time.try_cast("bigint") == observed,
        date.isNull() | (F.unix_millis(date.try_cast("timestamp")) == observed),
    ]
    return reduce(Column.__and__, said)


def _code(reason: str, condition: Column) -> Column:
    return F.when(condition, F.lit(reason))
