"""Turn raw exchanges into typed, judged rows: exactly one row per raw document."""

import pyarrow as pa

from cryptoassets.transforms.outcomes import groups, judged_rows, rows_where
from cryptoassets.transforms.payloads import payload_texts
from cryptoassets.transforms.rules import measures, negative_breaches, number_reasons
from cryptoassets_tests.extending.toy_flow import CLEAN_EXCHANGES, EXCHANGE_VOLUMES, RAW_EXCHANGES

FIELDS = {"volume_usd_24h": "volumeUsd"}
REASONS = {
    **number_reasons("volume_usd_24h", "volumeUsd"),
    "volume_usd_24h_missing": "volumeUsd is null or absent",
    "volume_usd_24h_negative": "volumeUsd is below zero",
}


def judge_exchanges(raw: pa.Table) -> pa.Table:
    """Parse every raw document, list the rules it breaks and set its outcome."""
    texts = payload_texts(raw, RAW_EXCHANGES)
    typed, unreadable = measures(texts, FIELDS)
    breaches = {
        **unreadable,
        **negative_breaches(typed),
        "volume_usd_24h_missing": rows_where(texts["volumeUsd"].is_null()),
    }
    key_numbers = groups(*(raw[name].combine_chunks() for name in EXCHANGE_VOLUMES.key))
    return judged_rows(raw, CLEAN_EXCHANGES, key_numbers, typed, breaches)
