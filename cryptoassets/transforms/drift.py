"""Schema drift of the payload: keys that are new, missing, or of another JSON type.

What goes here: the form in which CoinCap is known to send a coin. What stays out: checking values
(in `rules`).
"""

import json
from collections import Counter
from collections.abc import Iterable

from cryptoassets.schemas import NUMBER_KEY
from cryptoassets.transforms.rules import SOURCE_FIELDS

_TEXT = (str, type(None))
_REQUIRED = {"id", "rank", "symbol", "name", *SOURCE_FIELDS.values()}
# The first responses of API v2 had no `explorer`; API v3 added `tokens`.
_OPTIONAL = {"explorer": _TEXT, "tokens": (dict, type(None))}
_JSON_NAMES = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}


def drift(payloads: Iterable[str]) -> list[str]:
    """List differences from the known form of a coin, most frequent first.

    Args:
        payloads: JSON texts of coins.
    """
    changes: Counter[str] = Counter()
    total = 0
    for payload in payloads:
        coin = json.loads(payload, object_hook=_as_sent)
        total += 1
        new_keys = coin.keys() - _REQUIRED - _OPTIONAL.keys()
        changes.update(f"key {name!r} is new" for name in new_keys)
        changes.update(f"key {name!r} is missing" for name in _REQUIRED - coin.keys())
        changes.update(_type_changes(coin))
    return [f"{change} in {count} of {total} coins" for change, count in changes.most_common()]


def _as_sent(members: dict[str, object]) -> object:
    """Return an object as the source sent it; in payloads, a number is `{NUMBER_KEY: text}`."""
    return float(str(members[NUMBER_KEY])) if members.keys() == {NUMBER_KEY} else members


def _type_changes(coin: dict[str, object]) -> list[str]:
    expected = {**dict.fromkeys(_REQUIRED, _TEXT), **_OPTIONAL}
    return [
        f"key {name!r} is a JSON {_JSON_NAMES[type(value)]}"
        for name, value in coin.items()
        if name in expected and not isinstance(value, expected[name])
    ]
