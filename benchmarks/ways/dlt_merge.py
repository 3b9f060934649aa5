"""dlt, used as in its documentation: one resource per table, type hints, disposition `merge`.

This runs in `.venv-bench`, which contains dlt but not the product. dlt writes rows to files, loads
the files into staging tables and merges by primary key. If there are several responses for a price,
dlt keeps the one that was fetched last.
"""

import decimal
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import dlt
from pymongo import MongoClient

from benchmarks.ways.rival_rules import (
    AMOUNTS,
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

_EXACT, _LARGE, _FINE = (re.compile(form) for form in (EXACT, TOO_LARGE, TOO_FINE))
_RANK = re.compile(r"[1-9][0-9]{0,8}")
_EXACTLY = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)
_PLACES = decimal.Decimal(1).scaleb(-18)
_LOWEST_CHANGE = -100
_HINTS: dict[str, Any] = {
    name: {"data_type": "decimal", "precision": 38, "scale": 18, "nullable": True}
    for name in AMOUNTS
}
_NEWEST: dict[str, Any] = {"fetched_at": {"dedup_sort": "desc"}}


def main() -> None:
    """Publish the documents of the benchmark's time span."""
    marks, task = Marks(), task_from_environment()
    pipeline = dlt.pipeline(
        "rival",
        pipelines_dir=os.environ["CRYPTOASSETS_HOME"],
        destination=dlt.destinations.postgres(task.postgres_url),
        dataset_name="rival",
    )

    # Both transformers use the same resource, so that the documents are read only once.
    documents = dlt.resource(_judged(task), name="judged", selected=False)
    prices = dlt.transformer(
        _price,
        data_from=documents,
        name="coin_prices",
        write_disposition="merge",
        primary_key=("coin_id", "observed_at"),
        columns=_HINTS | _NEWEST,
    )
    quarantine = dlt.transformer(
        _in_quarantine,
        data_from=documents,
        name="quarantine",
        write_disposition="merge",
        primary_key="raw_id",
    )
    pipeline.run([prices, quarantine])
    marks.mark("all")
    marks.print()


def _price(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if not row["reasons"]:
        yield {name: row[name] for name in PRICES}


def _in_quarantine(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if row["reasons"]:
        payload = json.dumps(row["payload"])
        yield {"raw_id": row["raw_id"], "reasons": row["reasons"], "payload": payload}


def _judged(task: Task) -> Iterator[dict[str, Any]]:
    with MongoClient[dict[str, Any]](task.mongo_url, tz_aware=True) as client:
        raw = client[task.database]["coin_snapshots"]
        for document in raw.find(task.documents, batch_size=BATCH):
            yield _row(document)


def _row(document: Mapping[str, Any]) -> dict[str, Any]:
    found = document["payload"]
    texts = {name: None if found.get(name) is None else str(found[name]) for name in FIELDS}
    amounts = {column: _amount(column, texts[field]) for column, field in SOURCE_FIELDS.items()}
    rank = texts["rank"]
    reasons = [*_number_reasons(texts, amounts), *_text_reasons(texts, document["coin_id"])]
    reasons += _plausibility_reasons(amounts)
    return {
        "raw_id": document["_id"],
        **{name: document[name] for name in ("coin_id", "observed_at", "fetched_at", "source")},
        **amounts,
        "rank": int(rank) if rank and _RANK.fullmatch(rank) else None,
        "reasons": ",".join(sorted(reasons)),
        "payload": texts,
    }


def _amount(column: str, text: str | None) -> decimal.Decimal | None:
    if text is None or not (_EXACT.match(text) or column in DOUBLES):
        return None
    try:
        return decimal.Decimal(text).quantize(_PLACES, context=_EXACTLY)
    except decimal.InvalidOperation:
        return None


def _number_reasons(
    texts: Mapping[str, str | None], amounts: Mapping[str, decimal.Decimal | None]
) -> Iterator[str]:
    for column, field in SOURCE_FIELDS.items():
        text = texts[field]
        if text is not None and amounts[column] is None:
            problem = "inexact" if _FINE.match(text) else "malformed"
            yield f"{column}_{'overflow' if _LARGE.match(text) else problem}"


def _text_reasons(texts: Mapping[str, str | None], coin_id: str) -> Iterator[str]:
    rank = texts["rank"]
    broken = {
        "price_usd_missing": texts["priceUsd"] is None,
        "rank_missing": rank is None,
        "rank_malformed": rank is not None and not _RANK.fullmatch(rank),
        "symbol_missing": not texts["symbol"],
        "name_missing": not texts["name"],
        "bad_id": texts["id"] != coin_id,
    }
    return (code for code, is_so in broken.items() if is_so)


def _plausibility_reasons(amounts: Mapping[str, decimal.Decimal | None]) -> Iterator[str]:
    price, supply, cap = (amounts[name] for name in ("price_usd", "supply", "market_cap_usd"))
    limit, change = amounts["max_supply"], amounts["change_pct_24h"]
    if price is not None and price <= 0:
        yield "price_usd_not_positive"
    for name in NOT_NEGATIVE:
        amount = amounts[name]
        if amount is not None and amount < 0:
            yield f"{name}_negative"
    if supply is not None and limit is not None and float(supply) > float(limit) * (1 + 1e-9):
        yield "supply_above_max_supply"
    if price is not None and supply is not None and cap is not None:
        expected = float(price) * float(supply)
        if abs(float(cap) - expected) > abs(expected) * 1e-6:
            yield "market_cap_usd_mismatch"
    if change is not None and change < _LOWEST_CHANGE:
        yield "change_pct_24h_below_minus_100"


if __name__ == "__main__":
    main()
