"""A rate is valid, or quarantined with the codes of the rules that it breaks."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.schemas.flows.rates import CLEAN_FX_RATES, RAW_RATES
from cryptoassets.transforms.payloads import field_texts, kernel_schema
from cryptoassets.transforms.rates import judge_rates

T0 = datetime(2026, 11, 23, 10, tzinfo=UTC)
GOOD = {"id": "euro", "symbol": "EUR", "type": "fiat", "rateUsd": "1.1745000000000000"}


def judged(*payloads: dict[str, Any]) -> list[dict[str, Any]]:
    """Judge the rates of one response."""
    rows = [
        {
            "raw_id": f"{number}",
            "currency": payload.get("id"),
            "observed_at": T0,
            "fetched_at": T0,
            "source": "simulator",
            "payload": json.dumps(payload),
            "is_foreign": False,
            **{
                f"payload.{field}": field_texts(payload, (field,))[0]
                for field in RAW_RATES.payload_fields
            },
        }
        for number, payload in enumerate(payloads)
    ]
    table = judge_rates(pa.Table.from_pylist(rows, schema=kernel_schema(RAW_RATES)))
    assert arrow_schema(CLEAN_FX_RATES) == table.schema
    found: list[dict[str, Any]] = table.to_pylist()
    return found


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"type": "crypto", "rateUsd": "9575.8422354309676063"}, []),
        ({"rateUsd": None}, ["usd_per_unit_missing"]),
        ({"rateUsd": "0"}, ["usd_per_unit_not_positive"]),
        ({"rateUsd": "-1"}, ["usd_per_unit_not_positive"]),
        ({"rateUsd": "1,1"}, ["usd_per_unit_malformed"]),
        ({"rateUsd": "1e-30"}, ["usd_per_unit_underflow"]),
        ({"symbol": None}, ["symbol_missing"]),
        ({"symbol": "E\x00"}, ["symbol_missing"]),
        ({"type": None}, ["type_unknown"]),
        ({"type": "metal"}, ["type_unknown"]),
        ({"id": ""}, ["bad_currency"]),
        ({"id": "x" * 201}, ["bad_currency"]),
        ({"id": None}, ["bad_currency"]),
    ],
)
def test_a_rate_is_quarantined_with_every_rule_that_it_breaks(
    changes: dict[str, Any], reasons: list[str]
) -> None:
    """A wrong rate would make every price in that currency wrong."""
    (row,) = judged(GOOD | changes)

    assert (reasons, "quarantined" if reasons else "valid") == (row["reasons"], row["outcome"])


def test_an_id_is_published_in_one_unicode_form() -> None:
    """An accented letter is one or two characters, but both forms of an id mean one currency."""
    (row,) = judged(GOOD | {"id": "icelandic-kro\u0301na"})

    assert ("icelandic-kr\u00f3na", []) == (row["currency"], row["reasons"])


def test_rates_of_different_currencies_do_not_supersede_each_other() -> None:
    """A rate is superseded only by another rate of the same currency."""
    rows = judged(GOOD, GOOD | {"id": "japanese-yen", "symbol": "JPY"}, GOOD)

    assert ["superseded", "valid", "valid"] == sorted(row["outcome"] for row in rows)
    assert "valid" == rows[1]["outcome"]
