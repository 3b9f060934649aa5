"""Read crypto-market prices that the command `cryptoassets` has collected in PostgreSQL.

The functions start nothing and cannot write; if PostgreSQL is stopped, run `cryptoassets up`.

    import cryptoassets as ca

    ca.prices("bitcoin").pandas()

prices   the coins' snapshots: prices, volumes, market caps
history  historical prices, which `cryptoassets backfill` fetches
candles  open, high, low and close per hour, 4 hours, day or week
coins    the coins, by rank
rates    exchange rates to the US dollar
sql      the rows of your own query

Each returns a `Result`, with the methods `arrow()`, `pandas()`, `polars()` and `duckdb()`. For
arguments and examples, see `help(ca.prices)`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptoassets.analysis.api import candles, coins, history, prices, rates, sql
    from cryptoassets.analysis.result import Result

    __version__: str

__all__ = ["Result", "candles", "coins", "history", "prices", "rates", "sql"]


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def __getattr__(name: str) -> object:
    # Imported only when used: importing Arrow is slow, and many processes read no data.
    if name == "__version__":
        return _version()
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from cryptoassets.analysis import api  # noqa: PLC0415 -- see above

    return getattr(api, name)


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415 -- slow

    try:
        return metadata.version(__name__)
    except metadata.PackageNotFoundError:
        message = f"{__name__} is not installed, so its version is unknown"
        raise AttributeError(message) from None
