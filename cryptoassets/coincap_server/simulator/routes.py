"""CoinCap's routes, served from the simulated market.

What goes here: the form of each response in v3, and approximate rates of fiat currencies. What
stays out: prices (in `market`).
"""

import json
from http import HTTPStatus
from typing import Any

import numpy as np

from cryptoassets.coincap.protocol import MAX_WINDOW_MS, from_epoch_ms, iso_milliseconds
from cryptoassets.coincap_server.exchange import (
    BadQueryError,
    Reply,
    Request,
    error_reply,
    matches_query,
    read_bounds,
    select_page,
)
from cryptoassets.coincap_server.simulator.market import Market, fixed_text, shortest_text
from cryptoassets.schemas import INTERVAL_MS
from cryptoassets.settings import SourceKind

_DAY_MS = 86_400_000
_VWAP_STEP_MS = 10_800_000
_DEFAULT_WINDOW_MS = {**MAX_WINDOW_MS, "m5": _DAY_MS}
"""Without bounds, CoinCap returns 720 points of the interval h1, and 288 of m5."""
_VWAP_NULLS, _CHANGE_NULLS = 1, 2
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
    ("canadian-dollar", "CAD", "$", "0.7130000000000000"),
    ("australian-dollar", "AUD", "$", "0.6490000000000000"),
    ("polish-zloty", "PLN", "zł", "0.2768000000000000"),
    ("swedish-krona", "SEK", "kr", "0.1072000000000000"),
    ("laotian-kip", "LAK", "₭", "0.0000462000000000"),
    ("rwandan-franc", "RWF", None, "0.0006870000000000"),
    ("são-tomé-and-príncipe-dobra-(pre-2018)", "STD", None, "0.0000453457727562"),
)
_COINS = ("BTC", "ETH", "USDT", "LTC", "DOGE")
_COIN_SIGNS = {"BTC": "₿", "USDT": "₮", "LTC": "Ł", "DOGE": "Ð", "ETH": "Ξ"}


class SimulatedContent:
    """Responses of the simulated CoinCap, as of any instant."""

    source: SourceKind = "simulator"

    def __init__(self, market: Market) -> None:
        self._market = market

    def reply(self, request: Request, now_ms: int) -> Reply:
        """Return the response to a GET request."""
        try:
            match request.path.strip("/").split("/"):
                case ["assets"]:
                    return self._assets(request, now_ms)
                case ["assets", slug]:
                    return self._asset(slug, now_ms)
                case ["assets", slug, "history"]:
                    return self._history(slug, request, now_ms)
                case ["rates"]:
                    return self._rates(request, now_ms)
        except BadQueryError as error:
            return error_reply(HTTPStatus.BAD_REQUEST, str(error), now_ms)
        return error_reply(HTTPStatus.NOT_FOUND, f"{request.path} is not served", now_ms)

    def _assets(self, request: Request, now_ms: int) -> Reply:
        coins = [coin for coin in self._ranked_coins(now_ms) if matches_query(coin, request.query)]
        items = tuple(_json(coin) for coin in select_page(coins, request.query))
        return Reply(HTTPStatus.OK, str(now_ms), items)

    def _asset(self, slug: str, now_ms: int) -> Reply:
        for coin in self._ranked_coins(now_ms):
            if coin["id"] == slug:
                return Reply(HTTPStatus.OK, str(now_ms), data=_json(coin))
        return error_reply(HTTPStatus.NOT_FOUND, f"{slug} not found", now_ms)

    def _rates(self, request: Request, now_ms: int) -> Reply:
        prices = {coin["symbol"]: coin for coin in reversed(self._ranked_coins(now_ms))}
        rates = [rate for rate in _rate_rows(prices) if matches_query(rate, request.query)]
        return Reply(HTTPStatus.OK, str(now_ms), tuple(map(_json, rates)))

    def _ranked_coins(self, now_ms: int) -> list[dict[str, Any]]:
        market = self._market
        indices = np.arange(len(market.coins))
        times = now_ms - np.arange(0, _DAY_MS + 1, _VWAP_STEP_MS)
        prices = market.prices_usd(indices, times)
        now, before = prices[:, 0], prices[:, -1]
        supplies = np.array([market.supplies(index, times[:1])[0] for index in indices.tolist()])
        caps = now * supplies
        volumes = market.volumes_usd(indices, caps, now_ms)
        changes = (now / before - 1) * 100
        vwaps = prices.mean(axis=1)
        has_no_change = market.is_null(_CHANGE_NULLS, indices, now_ms)
        has_no_vwap = market.is_null(_VWAP_NULLS, indices, now_ms)
        coins = []
        for rank, index in enumerate(np.argsort(-caps, kind="stable"), start=1):
            coin = market.coins[index]
            coins.append(
                {
                    "id": coin.id,
                    "rank": str(rank),
                    "symbol": coin.symbol,
                    "name": coin.name,
                    "supply": fixed_text(supplies[index]),
                    "maxSupply": None if coin.max_supply is None else fixed_text(coin.max_supply),
                    "marketCapUsd": fixed_text(caps[index]),
                    "volumeUsd24Hr": fixed_text(volumes[index]),
                    "priceUsd": fixed_text(now[index]),
                    "changePercent24Hr": (
                        None if has_no_change[index] else shortest_text(float(changes[index]))
                    ),
                    "vwap24Hr": None if has_no_vwap[index] else shortest_text(float(vwaps[index])),
                    "explorer": coin.explorer,
                    "tokens": coin.tokens,
                }
            )
        return coins

    def _history(self, slug: str, request: Request, now_ms: int) -> Reply:
        index = self._market.index_by_id.get(slug)
        if index is None:
            return error_reply(HTTPStatus.NOT_FOUND, f"{slug} not found", now_ms)
        start, end, step = _window(request.query, now_ms)
        listed_ms = self._market.coins[index].listed_ms
        first = -(-max(start, listed_ms) // step) * step
        times = np.arange(first, min(end, now_ms + 1), step)
        prices = self._market.prices_usd(np.array([index]), times)[0]
        supplies = self._market.supplies(index, times)
        items = tuple(
            _json(
                {
                    "priceUsd": fixed_text(price),
                    "time": time,
                    "circulatingSupply": fixed_text(supply),
                    "date": iso_milliseconds(from_epoch_ms(time)),
                }
            )
            for price, time, supply in zip(
                prices.tolist(), times.tolist(), supplies.tolist(), strict=True
            )
        )
        return Reply(HTTPStatus.OK, str(now_ms), items)


def _window(query: dict[str, str], now_ms: int) -> tuple[int, int, int]:
    """Return start, end and step of the requested window, in ms."""
    interval = query.get("interval", "")
    if interval not in INTERVAL_MS:
        raise BadQueryError(f"interval must be one of {', '.join(INTERVAL_MS)}")
    bounds = read_bounds(query)
    if bounds is None:
        return now_ms + 1 - _DEFAULT_WINDOW_MS[interval], now_ms + 1, INTERVAL_MS[interval]
    start, end = bounds
    if end - start > MAX_WINDOW_MS[interval]:
        days = MAX_WINDOW_MS[interval] // _DAY_MS
        raise BadQueryError(f"the longest window of {interval} is {days} days")
    return start, end, INTERVAL_MS[interval]


def _rate_rows(coins_by_symbol: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of `/rates`.

    Args:
        coins_by_symbol: maps symbols to coins as in the response of `/assets`.
    """
    fiat = [(name, symbol, sign, "fiat", rate) for name, symbol, sign, rate in _FIAT]
    crypto = [
        (coin["id"], symbol, _COIN_SIGNS[symbol], "crypto", coin["priceUsd"])
        for symbol, coin in coins_by_symbol.items()
        if symbol in _COINS
    ]
    names = ("id", "symbol", "currencySymbol", "type", "rateUsd")
    return [dict(zip(names, row, strict=True)) for row in (*fiat, *crypto)]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
