"""The simulated coins: facts about real coins, from `coins.csv`.

What goes here: reading the file. What stays out: prices at an instant (in `market`).

Columns: id, symbol, name, price (USD, approximate), supply (coins in circulation), max_supply
(empty: no limit), volatility (daily standard deviation, percent), turnover (share of the market cap
traded per day, percent), growth (of the supply per year, percent), follows (id of the coin whose
price movements it copies, e.g. the underlying coin of a wrapped one), listed (first month of
history), explorer, tokens (chain:address, separated by spaces).
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptoassets.coincap.protocol import epoch_ms

_FILE = Path(__file__).with_name("coins.csv")
_FIRST_MONTH = "2018-01"


@dataclass(frozen=True)
class Coin:
    """Facts about one coin. Volatility, turnover and growth are fractions, not percentages."""

    id: str
    symbol: str
    name: str
    price_usd: float
    supply: float
    max_supply: float | None
    daily_volatility: float
    daily_turnover: float
    yearly_growth: float
    follows: str | None
    listed_ms: int
    explorer: str | None
    tokens: dict[str, list[str]]


@cache
def simulated_coins() -> tuple[Coin, ...]:
    """Return all coins in the order of the file."""
    with _FILE.open(newline="", encoding="utf-8") as file:
        return tuple(_coin(row) for row in csv.DictReader(file))


def _coin(row: dict[str, str]) -> Coin:
    year, month = (row["listed"] or _FIRST_MONTH).split("-")
    tokens: dict[str, list[str]] = {}
    for token in row["tokens"].split():
        chain, address = token.split(":", 1)
        tokens.setdefault(chain, []).append(address)
    return Coin(
        id=row["id"],
        symbol=row["symbol"],
        name=row["name"],
        price_usd=float(row["price"]),
        supply=float(row["supply"]),
        max_supply=float(row["max_supply"]) if row["max_supply"] else None,
        daily_volatility=float(row["volatility"]) / 100,
        daily_turnover=float(row["turnover"]) / 100,
        yearly_growth=float(row["growth"] or 0) / 100,
        follows=row["follows"] or None,
        listed_ms=epoch_ms(datetime(int(year), int(month), 1, tzinfo=UTC)),
        explorer=row["explorer"] or None,
        tokens=tokens,
    )
