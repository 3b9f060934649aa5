"""Checks of the clean layer: the contract blocks, the newest snapshot does not."""

from collections.abc import Iterator

import dagster as dg
import pyarrow.dataset as ds

from cryptoassets.partitions import HOURLY
from cryptoassets.schemas import CLEAN_COIN_PRICES, COIN_PRICES
from cryptoassets.transforms.contract import conservation_problems, key_problems

_PRICES = dg.AssetKey(["clean", "coin_prices"])


def _spec(name: str, description: str, *, blocking: bool = False) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name,
        asset=_PRICES,
        description=description,
        blocking=blocking,
        partitions_def=HOURLY,
    )


@dg.multi_asset_check(
    name="coin_prices_contract",
    specs=[
        _spec("columns_and_types", "Columns and types are those of the contract", blocking=True),
        _spec("keys_unique_and_not_null", "No key is null or doubled", blocking=True),
        _spec(
            "every_document_has_one_outcome",
            "raw = valid + quarantined + superseded",
            blocking=True,
        ),
    ],
    ins={"judged": dg.AssetIn(key=_PRICES)},
)
def coin_prices_contract(judged: ds.Dataset) -> Iterator[dg.AssetCheckResult]:
    """What must hold before PostgreSQL is touched."""
    expected = CLEAN_COIN_PRICES.column_names
    wrong = sorted(set(expected) ^ set(judged.schema.names))
    problems = [f"unexpected or missing: {', '.join(wrong)}"] if wrong else []
    yield _result("columns_and_types", problems)
    rows = judged.to_table(columns=["raw_id", *COIN_PRICES.key, "outcome", "reasons"])
    yield _result("keys_unique_and_not_null", key_problems(rows, COIN_PRICES.key))
    yield _result("every_document_has_one_outcome", conservation_problems(rows))


def _result(name: str, problems: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name, passed=not problems, description="; ".join(problems) or "holds"
    )
