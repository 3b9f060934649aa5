"""The newest price of the top coin, which the summary of `run` shows."""

from dataclasses import dataclass
from decimal import Decimal

from cryptoassets.monitoring.warehouse import Connection

_NEWEST = """
    SELECT symbol, price_usd, source
    FROM (
        SELECT coin_id, symbol FROM warehouse.coins ORDER BY rank, last_seen_at DESC LIMIT 1
    ) AS top
    CROSS JOIN LATERAL (
        SELECT price_usd, source FROM warehouse.coin_prices
        WHERE coin_prices.coin_id = top.coin_id ORDER BY observed_at DESC LIMIT 1
    ) AS newest
"""
_REMARKS = {"simulator": " (simulated)", "replay": " (replayed)"}


@dataclass(frozen=True)
class TopPrice:
    """The newest published price of the coin with the lowest rank.

    Attributes:
        source: where the price comes from: coincap, simulator or replay.
    """

    symbol: str
    price_usd: Decimal
    source: str

    def __str__(self) -> str:
        """Return the price in a few words: "BTC 82,121.03 USD (simulated)"."""
        digits = 2 if self.price_usd >= 1 else 8
        return f"{self.symbol} {self.price_usd:,.{digits}f} USD{_REMARKS.get(self.source, '')}"


def read_top_price(connection: Connection) -> TopPrice | None:
    """Read the price; None: no price has been published."""
    row = connection.execute(_NEWEST).fetchone()
    return TopPrice(*row) if row else None
