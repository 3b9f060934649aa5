"""Crypto-market data platform: Dagster assets from CoinCap via MongoDB and Spark to PostgreSQL.

What goes here: the names that a notebook uses, as in `import cryptoassets as ca`; see
`cryptoassets.analysis.api`. The parts are wired together in `cryptoassets.definitions`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptoassets.analysis.api import candles, coins, history, prices, rates, sql
    from cryptoassets.analysis.result import Result

__all__ = ["Result", "candles", "coins", "history", "prices", "rates", "sql"]


def __getattr__(name: str) -> object:
    # Imported only when used: importing Arrow is slow, and many processes read no data.
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from cryptoassets.analysis import api  # noqa: PLC0415 -- see above

    return getattr(api, name)
