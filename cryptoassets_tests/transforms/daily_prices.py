"""Snapshots and history points of coins on several days, from which daily figures are computed.

What goes here: input rows. What stays out: the expected figures (in `test_marts`), and rows of raw
documents (in `snapshots`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
FIRST_DAY = datetime(2026, 10, 25, tzinfo=UTC)
LARGEST = Decimal("99999999999999999999.999999999999999999")
TINY = Decimal("1E-18")
CLOSES = [100, 110, 99, 120, 80, 90, 91, 92, 140]
"""Daily closes of two coins, for nine days."""
PATH = [Decimal(100 + (day * 37) % 23) for day in range(33)]
"""Daily closes that go up and down, for 33 days."""
FACTORS = [
    ("1.5", "4"),
    ("0.000000000000000001", "0.5"),
    ("0.000000000000000001", "0.499999999999999999"),
    ("94893.516725341234567891", "19941234.123456789012345678"),
    ("9.999999999999999999", "999999999999999999.999999999999999999"),
    ("9999999999.999999999999999999", "9999999999.999999999999999999"),
    ("1234567890123456789.5", "0"),
]
"""Prices and circulating supplies; one product has the most digits that fit, one has too many."""


def price(coin_id: str, day: int, hours: float, usd: str | int | Decimal, **changes: Any) -> Row:
    """Return a snapshot of a coin, some hours after midnight UTC."""
    observed_at = FIRST_DAY + timedelta(days=day, hours=hours)
    return {
        "coin_id": coin_id,
        "observed_at": observed_at,
        "price_usd": Decimal(usd),
        "rank": 1,
        "source": "simulator",
        "fetched_at": observed_at,
        "raw_id": f"{coin_id}@{observed_at}",
    } | changes


def closes(coin_id: str, by_day: Iterable[tuple[int, int]]) -> list[Row]:
    """Return one snapshot per day, at noon."""
    return [price(coin_id, day, 12, usd) for day, usd in by_day]


PRICES = [
    price("unordered", 0, 10, "2"),
    price("unordered", 0, 0, "1.5"),
    price("unordered", 0, 23.99, "3", volume_usd_24h=TINY, market_cap_usd=LARGEST),
    price("unordered", 0, 12, "5", volume_usd_24h=Decimal(7), market_cap_usd=Decimal(8)),
    price("unordered", 1, 0, "4"),
    price("exact", 0, 1, LARGEST),
    price("exact", 0, 2, TINY),
    *closes("steady", enumerate(CLOSES)),
    *closes("holey", ((day, usd) for day, usd in enumerate(CLOSES) if day != 5)),
    price("filled", 0, 12, 140),
    price("falling", 0, 1, 10),
    price("falling", 0, 2, 8),
    *closes("falling", [(3, 4), (6, 5), (7, 5)]),
    *(price("monthly", day, 12, usd) for day, usd in enumerate(PATH)),
    price("ending", 0, 11, 50),
    price("ending", 0, 11.5, 40),
    price("ending", 1, 12, 60),
    price("ending", 2, 13.5, 90),
    price("capped", 0, 1, 1, market_cap_usd=Decimal(9)),
]


def point(coin_id: str, day: int, hours: float, usd: int, interval: str = "h1") -> Row:
    """Return a history point some hours after midnight UTC."""
    row = price(coin_id, day, hours, usd, interval=interval)
    return {name: row[name] for name in row if name != "rank"}


HISTORY = [
    # The only snapshot of `filled` is at noon, so the points of that hour must not be used.
    *(point("filled", 0, hours, usd) for hours, usd in ((9, 150), (12, 999), (12.5, 999))),
    point("filled", 0, 23, 145),
    point("old-filled", 1, 1, 290),
    point("unordered", 0, 23.5, 9),
    *(point("past", 0, hours, 7) for hours in (0, 1)),
    *(
        point(f"supplied-{place}", 0, hours, 0) | factors
        for place, (usd, supply) in enumerate(FACTORS)
        for hours, factors in (
            (1, {"price_usd": Decimal(usd), "circulating_supply": Decimal(supply)}),
            (2, {"price_usd": Decimal(usd)}),
        )
    ),
    point("capped", 0, 23, 5) | {"circulating_supply": Decimal(100)},
]
ALIASES = {"old-filled": "filled"}
