"""A script without Spark: Arrow columns in one process, rules as Arrow functions, COPY, upsert.

No other program on one machine is likely to be much faster. However, this script is limited to one
process and keeps all documents in memory.
"""

import decimal
import io
import json
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pymongo import MongoClient

from benchmarks.ways import rival_tables
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
from benchmarks.ways.task import BATCH, Marks, Task, task_from_environment

_AMOUNT = pa.decimal128(38, 18)
_UTC = pa.timestamp("ms", tz="UTC")
_HEAD = {
    "raw_id": pa.string(),
    "coin_id": pa.string(),
    "observed_at": _UTC,
    "fetched_at": _UTC,
    "source": pa.string(),
}
_SCHEMA = pa.schema(
    [*_HEAD.items(), *((f"payload.{name}", pa.string()) for name in FIELDS)],
)
_EXACTLY = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)
_PLACES = decimal.Decimal(1).scaleb(-18)
_ZERO = pa.scalar(0, pa.int32()).cast(_AMOUNT)
_RANK = r"^[1-9][0-9]{0,8}$"


def main() -> None:
    """Publish the documents of the benchmark's time span."""
    marks, task = Marks(), task_from_environment()
    rival_tables.create(task.postgres_url)
    raw = _read(task)
    marks.mark("read")
    prices, quarantine = _judged(raw)
    marks.mark("judge")
    _copy(task.postgres_url, "staged_prices", prices)
    _copy(task.postgres_url, "staged_quarantine", quarantine)
    marks.mark("copy")
    rival_tables.upsert(task.postgres_url)
    marks.mark("upsert")
    marks.print()


def _read(task: Task) -> pa.Table:
    tables = []
    with MongoClient[dict[str, Any]](task.mongo_url, tz_aware=True) as client:
        found = client[task.database]["coin_snapshots"].find(task.documents, batch_size=BATCH)
        rows = []
        for document in found:
            rows.append(_as_row(document))
            if len(rows) == BATCH:
                tables.append(_table(rows))
                rows = []
        tables.append(_table(rows))
    return pa.concat_tables(tables).combine_chunks()


def _as_row(document: dict[str, Any]) -> tuple[Any, ...]:
    payload = document["payload"]
    texts = [None if payload.get(name) is None else str(payload[name]) for name in FIELDS]
    head = ("_id", "coin_id", "observed_at", "fetched_at", "source")
    return (*(document[name] for name in head), *texts)


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    if not rows:
        return _SCHEMA.empty_table()
    columns = zip(zip(*rows, strict=True), _SCHEMA.types, strict=True)
    return pa.table([pa.array(values, type_) for values, type_ in columns], schema=_SCHEMA)


def _judged(raw: pa.Table) -> tuple[pa.Table, pa.Table]:
    amounts = {column: _amounts(raw, column) for column in SOURCE_FIELDS}
    reasons = _reasons(raw, amounts)
    is_valid = pc.equal(reasons, "")
    rank = _where(pc.match_substring_regex(raw["payload.rank"], _RANK), raw["payload.rank"])
    columns = {name: raw[name] for name in _HEAD} | amounts | {"rank": rank.cast(pa.int32())}
    prices = pa.table(columns).select(list(PRICES)).filter(is_valid)
    broken = raw.filter(pc.invert(is_valid))
    fields = broken.select([f"payload.{name}" for name in FIELDS]).rename_columns(list(FIELDS))
    quarantine = pa.table(
        {
            "raw_id": broken["raw_id"],
            "reasons": reasons.filter(pc.invert(is_valid)),
            "payload": pa.array(map(json.dumps, fields.to_pylist()), pa.string()),
        }
    )
    return _newest(prices), quarantine


def _where(condition: Any, values: Any) -> Any:
    return pc.if_else(pc.fill_null(condition, False), values, pa.scalar(None, pa.string()))


def _amounts(raw: pa.Table, column: str) -> pa.Array:
    texts = raw[f"payload.{SOURCE_FIELDS[column]}"].combine_chunks()
    is_exact = pc.fill_null(pc.match_substring_regex(texts, EXACT), False)
    amounts = _where(is_exact, texts).cast(_AMOUNT)
    if column not in DOUBLES:
        return amounts
    others = pc.and_(pc.invert(is_exact), pc.is_valid(texts))
    return pc.replace_with_mask(
        amounts, others, pa.array(map(_rounded, texts.filter(others).to_pylist()), _AMOUNT)
    )


def _rounded(text: str) -> decimal.Decimal | None:
    try:
        return decimal.Decimal(text).quantize(_PLACES, context=_EXACTLY)
    except decimal.InvalidOperation:
        return None


def _reasons(raw: pa.Table, amounts: dict[str, pa.Array]) -> pa.Array:
    texts = {name: raw[f"payload.{name}"].combine_chunks() for name in FIELDS}
    double = {name: values.cast(pa.float64()) for name, values in amounts.items()}
    cap = pc.multiply(double["price_usd"], double["supply"])
    error = pc.abs(pc.subtract(double["market_cap_usd"], cap))
    has_rank = pc.match_substring_regex(texts["rank"], _RANK)
    is_own = pc.fill_null(pc.equal(texts["id"], raw["coin_id"].combine_chunks()), False)
    lowest = pa.scalar(-100, pa.int32()).cast(_AMOUNT)
    broken = {
        "price_usd_missing": pc.is_null(texts["priceUsd"]),
        "price_usd_not_positive": pc.less_equal(amounts["price_usd"], _ZERO),
        "rank_missing": pc.is_null(texts["rank"]),
        "rank_malformed": pc.invert(has_rank),
        "symbol_missing": pc.equal(pc.fill_null(texts["symbol"], ""), ""),
        "name_missing": pc.equal(pc.fill_null(texts["name"], ""), ""),
        "bad_id": pc.invert(is_own),
        "supply_above_max_supply": pc.greater(
            double["supply"], pc.multiply(double["max_supply"], 1 + 1e-9)
        ),
        "market_cap_usd_mismatch": pc.greater(error, pc.multiply(pc.abs(cap), 1e-6)),
        "change_pct_24h_below_minus_100": pc.less(amounts["change_pct_24h"], lowest),
    }
    for name in NOT_NEGATIVE:
        broken[f"{name}_negative"] = pc.less(amounts[name], _ZERO)
    for name, field in SOURCE_FIELDS.items():
        is_none = pc.and_(pc.is_valid(texts[field]), pc.is_null(amounts[name]))
        is_large = pc.match_substring_regex(texts[field], TOO_LARGE)
        is_fine = pc.match_substring_regex(texts[field], TOO_FINE)
        is_other = pc.invert(pc.or_(is_large, is_fine))
        for problem, is_so in (
            ("overflow", is_large),
            ("inexact", is_fine),
            ("malformed", is_other),
        ):
            broken[f"{name}_{problem}"] = pc.and_(is_none, is_so)
    codes = [
        pc.if_else(pc.fill_null(broken[code], False), code + ",", "") for code in sorted(broken)
    ]
    return pc.utf8_rtrim(pc.binary_join_element_wise(*codes, ""), ",")


def _newest(prices: pa.Table) -> pa.Table:
    """Keep only the price that was fetched last, for each coin and time."""
    order = [("coin_id", "ascending"), ("observed_at", "ascending")]
    order += [("fetched_at", "descending"), ("raw_id", "descending")]
    rows = prices.sort_by(order).combine_chunks()
    if rows.num_rows == 0:
        return rows
    coins, moments = (rows[name].combine_chunks() for name in ("coin_id", "observed_at"))
    is_next = pc.or_(pc.not_equal(coins[1:], coins[:-1]), pc.not_equal(moments[1:], moments[:-1]))
    return rows.filter(pa.concat_arrays([pa.array([True]), is_next]))


def _copy(postgres_url: str, table: str, rows: pa.Table) -> None:
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    statement = f"COPY rival.{table} ({', '.join(rows.column_names)}) FROM STDIN (FORMAT csv)"
    with (
        psycopg.connect(postgres_url) as connection,
        connection.cursor().copy(statement.encode()) as copy,
    ):
        for batch in rows.to_batches(max_chunksize=BATCH):
            text = io.BytesIO()
            csv.write_csv(batch, text, options)
            copy.write(text.getvalue())


if __name__ == "__main__":
    main()
