"""A Spark session, and rules as column expressions, for `ordinary_spark` and `distributed_spark`.

What goes here: what these two programs share. What stays out: reading documents, writing rows.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.ways.rival_rules import (
    DOUBLES,
    EXACT,
    FIELDS,
    NOT_NEGATIVE,
    PRICES,
    SOURCE_FIELDS,
    TOO_FINE,
    TOO_LARGE,
)

SCHEMA = (
    "raw_id string, coin_id string, observed_at timestamp, fetched_at timestamp, source string, "
    + ", ".join(f"`payload.{name}` string" for name in FIELDS)
)
_A_DOUBLE = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"


def session(**options: str) -> SparkSession:
    """Return a Spark session; by default it is local, with two cores and 4 GB."""
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    builder = SparkSession.builder.master(os.environ.get("SPARK_MASTER", "local[2]"))
    settings = {
        "spark.driver.memory": "4g",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.local.dir": os.environ["SPARK_FOLDER"],
        **options,
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark: SparkSession = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def as_row(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """Convert a raw document to a row of `SCHEMA`."""
    payload = document["payload"]
    texts = [None if payload.get(name) is None else str(payload[name]) for name in FIELDS]
    head = ("_id", "coin_id", "observed_at", "fetched_at", "source")
    return (*(document[name] for name in head), *texts)


def judged(raw: DataFrame) -> DataFrame:
    """Convert rows of `SCHEMA` to typed rows with the reasons for quarantine.

    Returns:
        The columns `PRICES`, `reasons` (codes separated by commas; empty for valid rows) and
        `payload` (JSON; NULL for valid rows). Superseded prices are left out.
    """
    typed = raw.select(
        "*",
        F.expr("try_cast(`payload.rank` AS int)").alias("rank"),
        *(_amount(column) for column in SOURCE_FIELDS),
    )
    reasons = F.array_join(F.array_sort(F.array_compact(F.array(*_reasons()))), ",")
    fields = F.struct(*(_text(name).alias(name) for name in FIELDS))
    rows = typed.withColumn("reasons", reasons).withColumn("is_valid", F.col("reasons") == "")
    rows = rows.withColumn("payload", F.when(~F.col("is_valid"), F.to_json(fields)))
    newest_first = Window.partitionBy("coin_id", "observed_at", "is_valid").orderBy(
        F.col("fetched_at").desc(), F.col("raw_id").desc()
    )
    return (
        rows.withColumn("position", F.row_number().over(newest_first))
        .where("position = 1 OR NOT is_valid")
        .select(*PRICES, "reasons", "payload")
    )


def _text(field: str) -> Column:
    return F.col(f"`payload.{field}`")


def _amount(column: str) -> Column:
    field = SOURCE_FIELDS[column]
    form = _A_DOUBLE if column in DOUBLES else EXACT
    value = F.expr(f"try_cast(`payload.{field}` AS decimal(38, 18))")
    return F.when(_text(field).rlike(form), value).alias(column)


def _reasons() -> list[Column]:
    double = {name: F.col(name).cast("double") for name in SOURCE_FIELDS}
    cap = double["price_usd"] * double["supply"]
    broken = {
        "price_usd_missing": _text("priceUsd").isNull(),
        "price_usd_not_positive": F.col("price_usd") <= 0,
        "rank_missing": _text("rank").isNull(),
        "rank_malformed": F.col("rank").isNull() & _text("rank").isNotNull() | (F.col("rank") < 1),
        "symbol_missing": F.coalesce(_text("symbol"), F.lit("")) == "",
        "name_missing": F.coalesce(_text("name"), F.lit("")) == "",
        "bad_id": ~F.coalesce(_text("id") == F.col("coin_id"), F.lit(False)),
        "supply_above_max_supply": double["supply"] > double["max_supply"] * (1 + 1e-9),
        "market_cap_usd_mismatch": F.abs(double["market_cap_usd"] - cap) > F.abs(cap) * 1e-6,
        "change_pct_24h_below_minus_100": F.col("change_pct_24h") < F.lit(-100),
        **{f"{name}_negative": F.col(name) < 0 for name in NOT_NEGATIVE},
    }
    return [
        *(F.when(condition, F.lit(code)) for code, condition in broken.items()),
        *(_number_reason(name) for name in SOURCE_FIELDS),
    ]


def _number_reason(column: str) -> Column:
    text = _text(SOURCE_FIELDS[column])
    problem = (
        F.when(text.rlike(TOO_LARGE), "overflow")
        .when(text.rlike(TOO_FINE), "inexact")
        .otherwise("malformed")
    )
    is_no_amount = text.isNotNull() & F.col(column).isNull()
    return F.when(is_no_amount, F.concat(F.lit(f"{column}_"), problem))
