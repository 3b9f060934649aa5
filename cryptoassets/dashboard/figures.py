"""Numbers and times as text; numbers are rounded as decimals, never as binary floats.

What goes here: the text form of amounts, percentages, ages and times. What stays out: tables and
charts (in `tables` and `charts`).
"""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "—"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}
_SCALES = ((Decimal(10**12), "T"), (Decimal(10**9), "B"), (Decimal(10**6), "M"))
_SIGNIFICANT_DIGITS = 5
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))
_TWO_DECIMALS_FROM = 100


def symbol(currency: str) -> str:
    """The prefix of amounts: the currency's sign, or its code and a space if it has no sign."""
    return _SYMBOLS.get(currency, f"{currency} ")


def price(amount: Decimal | None, currency: str) -> str:
    """A price: two decimals from 100 upwards, five significant digits below 100."""
    if amount is None:
        return UNKNOWN
    return f"{symbol(currency)}{rounded(amount):,f}"


def rounded(amount: Decimal) -> Decimal:
    """Round a price to the digits that are shown."""
    if abs(amount) >= _TWO_DECIMALS_FROM or not amount:
        return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    decimals = _SIGNIFICANT_DIGITS - 1 - amount.adjusted()
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def total(amount: Decimal | None, currency: str) -> str:
    """A large amount, shortened: $3.21 T, €512.00 B."""
    if amount is None:
        return UNKNOWN
    size, letter = scale(amount)
    if not letter:
        return f"{symbol(currency)}{_fixed(amount, 0)}"
    return f"{symbol(currency)}{_fixed(amount / size, 2)} {letter}"


def scale(amount: Decimal) -> tuple[Decimal, str]:
    """The unit in which an amount is shown, as a number and a letter; 1 and no letter if small."""
    for size, letter in _SCALES:
        if abs(amount) >= size:
            return size, letter
    return Decimal(1), ""


def percent(share: Decimal | None, *, is_signed: bool = False, decimals: int = 2) -> str:
    """A percentage; `is_signed` adds a plus sign to positive values."""
    if share is None:
        return UNKNOWN
    text = _fixed(share, decimals)
    is_zero = not text.strip("-0.,")
    if is_zero:
        text = text.lstrip("-")
    return f"{'+' if is_signed and share > 0 and not is_zero else ''}{text} %"


def count(number: int | Decimal | None) -> str:
    """A whole number with thousands separators."""
    return UNKNOWN if number is None else f"{int(number):,}"


def age(seconds: float | Decimal | None) -> str:
    """A time span in its largest unit, e.g. 1.5 h."""
    if seconds is None:
        return UNKNOWN
    for size, unit in _AGES:
        if seconds >= size:
            return f"{_fixed(Decimal(seconds) / size, 1).removesuffix('.0')} {unit}"
    return f"{max(0, int(seconds))} s"


def moment(time: datetime | None, zone: ZoneInfo) -> str:
    """Date and time in a time zone."""
    return UNKNOWN if time is None else f"{time.astimezone(zone):%-d %b %Y, %H:%M}"


def past_day(day: date, today: date) -> str:
    """A day before today: `yesterday`, or a date, without the year if that is the current one."""
    if day == today - timedelta(days=1):
        return "yesterday"
    return f"{day:%-d %b}" if day.year == today.year else f"{day:%-d %b %Y}"


def _fixed(amount: Decimal, decimals: int) -> str:
    return f"{amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):,f}"
