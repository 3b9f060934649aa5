"""Exchange rates to the US dollar, a few of each type.

What goes here: fiat money at fixed rough rates, and coins at their simulated price. What stays out:
paths for fiat money; nothing of ours stores rates.
"""

from typing import Any

_FIAT = (
    ("united-states-dollar", "USD", "$", "1.0000000000000000"),
    ("euro", "EUR", "€", "1.1745000000000000"),
    ("british-pound-sterling", "GBP", "£", "1.3485000000000000"),
    ("japanese-yen", "JPY", "¥", "0.0063900000000000"),
    ("swiss-franc", "CHF", "CHF", "1.2620000000000000"),
    ("chinese-yuan-renminbi", "CNY", "¥", "0.1428000000000000"),
    ("chinese-yuan-(offshore)", "CNH", None, "0.1429000000000000"),
    ("indian-rupee", "INR", "₹", "0.0111500000000000"),
    ("icelandic-króna", "ISK", "kr", "0.0079500000000000"),
    ("laotian-kip", "LAK", "₭", "0.0000462000000000"),
    ("rwandan-franc", "RWF", None, "0.0006870000000000"),
    ("são-tomé-and-príncipe-dobra-(pre-2018)", "STD", None, "0.0000453457727562"),
)
_COINS = ("BTC", "ETH", "USDT", "LTC", "DOGE")
_COIN_SIGNS = {"BTC": "₿", "USDT": "₮", "LTC": "Ł", "DOGE": "Ð", "ETH": "Ξ"}


def rates(coins_by_symbol: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of `/rates`.

    Args:
        coins_by_symbol: coins as `/assets` has them.
    """
    fiat = [(name, symbol, sign, "fiat", rate) for name, symbol, sign, rate in _FIAT]
    crypto = [
        (coin["id"], symbol, _COIN_SIGNS[symbol], "crypto", coin["priceUsd"])
        for symbol, coin in coins_by_symbol.items()
        if symbol in _COINS
    ]
    names = ("id", "symbol", "currencySymbol", "type", "rateUsd")
    return [dict(zip(names, row, strict=True)) for row in (*fiat, *crypto)]
