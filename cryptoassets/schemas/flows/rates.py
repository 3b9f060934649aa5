"""The rates flow: the current price of each currency in US dollars, every few hours."""

from datetime import timedelta

from cryptoassets.schemas.columns import FETCHED_AT, OBSERVED_AT, RAW_ID, SOURCE
from cryptoassets.schemas.flow import Flow, asset_of, clean_table, raw_table
from cryptoassets.schemas.table import Column, Table
from cryptoassets.schemas.warehouse import ECB_RATES

_CURRENCY = Column("currency", "text", "CoinCap's id of the currency, e.g. euro", is_nullable=True)
_SYMBOL = Column("symbol", "text", "Symbol of the currency, e.g. EUR", is_nullable=True)
_USD = "Price of one unit of the currency, US dollars"
_TYPE = Column("type", "text", "fiat or crypto", is_nullable=True)

RAW_RATES = raw_table(
    "rates",
    "Raw documents of MongoDB as they are loaded: one row per currency and response.",
    documents="Raw rates, one document per currency and response, with the fields of "
    "`coin_snapshots`, but `currency` instead of `coin_id`.",
    identity=(_CURRENCY,),
    payload_fields=("id", "symbol", "type", "rateUsd"),
    what="rate",
)
CLEAN_FX_RATES = clean_table(
    "fx_rates",
    "Every raw rate of the hour, typed and judged: one row per raw document.",
    identity=(_CURRENCY,),
    typed=(_SYMBOL, Column("usd_per_unit", "numeric", _USD, is_nullable=True), _TYPE),
    what="rate",
)
FX_RATES = Table(
    "warehouse",
    "fx_rates",
    "Exchange rates of currencies to the US dollar: one row per currency and observation.",
    (
        Column("currency", "text", _CURRENCY.comment),
        Column("symbol", "text", _SYMBOL.comment),
        OBSERVED_AT,
        Column("usd_per_unit", "numeric", _USD),
        Column("type", "text", _TYPE.comment),
        *(SOURCE, FETCHED_AT, RAW_ID),
    ),
    ("currency", "observed_at"),
)
RATES_FLOW = Flow(
    RAW_RATES,
    CLEAN_FX_RATES,
    FX_RATES,
    span=timedelta(hours=1),
    route="/rates",
    bytes_per_row=130,
    ids_setting="cryptoassets_currencies",
    every=timedelta(hours=6),
    job="rates",
    refreshes=(asset_of(ECB_RATES),),
    job_description="Fetch the exchange rates of the current hour, clean and publish them, and "
    "read the ECB's file. Each code location has a job of this name with its own part of these "
    "steps.",
    assets="cryptoassets.assets.rates",
    rules=("cryptoassets.transforms.rates",),
    fresh_within=timedelta(hours=24),
)
