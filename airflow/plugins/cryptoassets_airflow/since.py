"""When the platform was first started, from the environment of Airflow's processes.

What stays out: the schedules that start at that time (in the DAGs).
"""

import os
from collections.abc import Mapping
from datetime import datetime, timezone

VARIABLE = "CRYPTOASSETS_SINCE"
DEFAULT = "2026-11-23"


def first_moment(environment: Mapping[str, str] = os.environ) -> datetime:
    """Return the time in UTC; a time without an offset is taken as UTC, empty counts as unset.

    Raises:
        ValueError: the text is not an ISO date or time; names the variable and the format.
    """
    text = environment.get(VARIABLE, "").strip() or DEFAULT
    try:
        # Airflow 2 may run on Python 3.10, which cannot parse a Z.
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        utc = timezone.utc  # noqa: UP017 - as above
        return moment.replace(tzinfo=moment.tzinfo or utc).astimezone(utc)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{VARIABLE} is {text!r}, which is no ISO date or time. It looks like 2026-11-23, "
            "2026-11-23T05:00:00 (in UTC) or 2026-11-23T05:00:00+05:30. Correct or unset it"
        ) from error
