"""Converts the moments that a user gives as dates, times or ISO strings.

What goes here: converting them to UTC. What stays out: choosing the column with which a moment is
compared (in `selection`).
"""

from datetime import UTC, date, datetime, time, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptoassets.errors import SettingsError

Moment = str | date | datetime
"""A string such as `2026-11-23` or `2026-11-23T10:00+01:00`, a date, or a datetime with a
time zone."""


def as_utc(moment: Moment, zone: tzinfo = UTC) -> datetime:
    """Return a moment in UTC.

    Args:
        moment: a date means midnight. A datetime must have a time zone: without one, some
            libraries assume UTC and others this machine's time zone.
        zone: the time zone for dates, and for strings that contain none.

    Raises:
        SettingsError: the moment is a string that cannot be parsed, or a datetime without a time
            zone.
    """
    if isinstance(moment, str):
        try:
            parsed = datetime.fromisoformat(moment)
        except ValueError:
            raise SettingsError(
                f"{moment!r} is not a date or time. Write 2026-11-23 or 2026-11-23T10:00+01:00"
            ) from None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time(), zone).astimezone(UTC)
    if moment.tzinfo is None:
        raise SettingsError(
            f"The datetime {moment} has no time zone. Write datetime(..., tzinfo=UTC) with "
            "`from datetime import UTC`, or pass a string or a date, which is taken as UTC"
        )
    return moment.astimezone(UTC)


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone with an IANA name such as Europe/Berlin.

    Raises:
        SettingsError: no time zone has this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"{name!r} is not a time zone. Write a name such as UTC or Europe/Berlin"
        ) from None
