"""Exchanges: their current trading volume, every hour."""

from datetime import timedelta

from cryptoassets.schemas.columns import FETCHED_AT, OBSERVED_AT, RAW_ID, SOURCE
from cryptoassets.schemas.flow import Flow, clean_table, raw_table
from cryptoassets.schemas.table import Column, Table

_ID = Column("exchange_id", "text", "CoinCap's id of the exchange", is_nullable=True)
_VOLUME = Column("volume_usd_24h", "numeric", "Trading volume of 24 hours, US dollars")

RAW_EXCHANGES = raw_table(
    "exchanges",
    "Raw documents of MongoDB as they are loaded: one row per exchange and response.",
    documents="Raw documents, one per exchange and response.",
    identity=(_ID,),
    payload_fields=("exchangeId", "volumeUsd"),
    what="exchange",
)
CLEAN_EXCHANGES = clean_table(
    "exchange_volumes",
    "Every raw document of the hour, typed and judged: one row per raw document.",
    identity=(_ID,),
    typed=(Column(_VOLUME.name, _VOLUME.type, _VOLUME.comment, is_nullable=True),),
    what="exchange",
)
EXCHANGE_VOLUMES = Table(
    "warehouse",
    "exchange_volumes",
    "Trading volume: one row per exchange and observation.",
    (
        Column("exchange_id", "text", _ID.comment),
        *(OBSERVED_AT, _VOLUME, SOURCE, FETCHED_AT, RAW_ID),
    ),
    ("exchange_id", "observed_at"),
)
EXCHANGE_FLOW = Flow(
    RAW_EXCHANGES,
    CLEAN_EXCHANGES,
    EXCHANGE_VOLUMES,
    span=timedelta(hours=1),
    route="/exchanges",
    bytes_per_row=300,
    rows=100,
    id_fields=("exchangeId",),
    every=timedelta(hours=1),
    job="exchanges",
    job_description="Fetch, clean and publish the exchanges' volumes of the current hour.",
    assets="cryptoassets_tests.extending.toy_assets",
    rules=("cryptoassets_tests.extending.toy_rules",),
    fresh_within=timedelta(hours=3),
)
