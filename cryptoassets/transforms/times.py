"""Parses the date of a payload.

What goes here: the accepted forms of ISO 8601, including rare ones. What stays out: comparing
the date with the time of the same document (in `history`).
"""

import re
from datetime import UTC, datetime, timedelta

from cryptoassets.transforms.numbers import BLANKS

_DATE = re.compile(
    r"\+?([0-9]{4,6})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:[T ]([0-9]{1,2})(?::([0-9]{1,2})"
    r"(?::([0-9]{1,2})(?:\.([0-9]*))?[ ]*(Z|UTC|GMT|UT|[+-][0-9:]+)?)?)?)?)?)?"
)
_OFFSET = re.compile(r"[+-]([0-9]{1,2})(?::([0-5]?[0-9])(?::([0-5][0-9]))?)?")
_DIGITS_ONLY = re.compile(r"[+-]([0-9]{2})([0-5][0-9])([0-5][0-9])?")
_LARGEST_OFFSET = timedelta(hours=18)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds_of(text: str) -> int | None:
    """Return milliseconds since 1970; None if the string is not a date in the years 1 to 9999.

    Args:
        text: year, month, day, hour, minute, second, fraction and offset. It may end after
            any of these parts. Without an offset, the date is in UTC.
    """
    form = _DATE.fullmatch(text.strip(BLANKS))
    offset = form and _offset(form[8] or "Z")
    if form is None or offset is None:
        return None
    hour, minute, second = (int(number or 0) for number in form.groups()[3:6])
    year, month, day = (int(number or 1) for number in form.groups()[:3])
    try:
        time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (time - _EPOCH - offset) // timedelta(milliseconds=1) + int(f"{form[7] or ''}000"[:3])


def _offset(zone: str) -> timedelta | None:
    """Parse an offset, positive to the east of Greenwich; None if the string is not an offset."""
    if zone[0] not in "+-":
        return timedelta()
    form = _OFFSET.fullmatch(zone) or _DIGITS_ONLY.fullmatch(zone)
    if form is None:
        return None
    hours, minutes, seconds = (int(number or 0) for number in form.groups())
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if size > _LARGEST_OFFSET:
        return None
    return -size if zone[0] == "-" else size
