"""Write numbers as CoinCap v3 writes them.

What goes here: text forms only. What stays out: where the numbers come from (in `market`).
"""

from decimal import Decimal

_SMALLEST_PLAIN = 1e-6


def fixed_text(number: float) -> str:
    """Return a double at 18 places with its binary tail: 87711.2 -> 87711.199999999997089617."""
    return f"{number:.18f}"


def at_18_places(number: float) -> float:
    """Return the double nearest to the text at 18 places, so that text and double agree."""
    return float(fixed_text(number))


def shortest_text(number: float) -> str:
    """Return a double as JavaScript prints it: shortest digits, an exponent below 1e-6."""
    if number == 0:
        return "0"
    if abs(number) < _SMALLEST_PLAIN:
        mantissa, exponent = repr(number).split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")
