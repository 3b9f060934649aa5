"""Turns raw exchange rates into typed, judged rows: exactly one row per raw document.

What goes here: the function that computes `clean/fx_rates`, and its rules. What stays out: code
that all kinds of data share (in `outcomes`), and converting prices to a currency (SQL functions in
`migrations`).
"""

import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.schemas.flows.rates import CLEAN_FX_RATES, RAW_RATES
from cryptoassets.transforms.numbers import DECIMAL
from cryptoassets.transforms.outcomes import groups, judged_rows, rows_where
from cryptoassets.transforms.payloads import payload_texts
from cryptoassets.transforms.rules import measures, number_reasons

FIELDS = {"usd_per_unit": "rateUsd"}
REASONS = {
    **number_reasons("usd_per_unit", "rateUsd"),
    "usd_per_unit_missing": "rateUsd is null or absent",
    "usd_per_unit_not_positive": "rateUsd is zero or below",
    "bad_currency": "id is not 1 to 200 characters without blanks, or not the document's",
    "type_unknown": "type is neither fiat nor crypto",
}
_ID = r"\A[^\x00-\x20]{1,200}\z"


def judge_rates(raw: pa.Table) -> pa.Table:
    """Parse every raw document, list the rules it breaks and set its outcome.

    Args:
        raw: columns of `payloads.kernel_schema(RAW_RATES)`.

    Returns:
        Columns of `CLEAN_FX_RATES`, one row per input row, in the same order. `currency` is
        normalized to Unicode NFC, as the ids in `CRYPTOASSETS_CURRENCIES` are when requested.
    """
    texts = payload_texts(raw, RAW_RATES)
    typed, unreadable = measures(texts, FIELDS)
    currency = pc.utf8_normalize(raw["currency"].combine_chunks(), form="NFC")
    is_own = pc.and_(
        pc.match_substring_regex(texts["id"], _ID), pc.equal(texts["id"], raw["currency"])
    )
    is_known = pc.is_in(texts["type"], pa.array(["fiat", "crypto"]))
    has_symbol = pc.match_substring_regex(texts["symbol"], _ID)
    zero = pa.scalar(0, pa.int64()).cast(DECIMAL)
    breaches = {
        **unreadable,
        "usd_per_unit_missing": rows_where(pc.is_null(texts["rateUsd"])),
        "usd_per_unit_not_positive": rows_where(pc.less_equal(typed["usd_per_unit"], zero)),
        "bad_currency": rows_where(pc.invert(pc.fill_null(is_own, False))),
        "symbol_missing": rows_where(pc.invert(pc.fill_null(has_symbol, False))),
        "type_unknown": rows_where(pc.invert(is_known)),
    }
    values = {"currency": currency, "symbol": texts["symbol"], "type": texts["type"], **typed}
    key_numbers = groups(currency, raw["observed_at"].combine_chunks())
    return judged_rows(raw, CLEAN_FX_RATES, key_numbers, values, breaches)
