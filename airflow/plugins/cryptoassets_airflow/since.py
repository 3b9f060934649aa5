"""The time from which Airflow schedules the DAGs, read from the environment.

What stays out: the schedules that start at that time (in the DAGs).
"""

import os
from collections.abc import Mapping
from datetime import datetime, timezone

VARIABLE = "CRYPTOASSETS_SINCE"
FIRST_START = "CRYPTOASSETS_FIRST_START"
DEFAULT = "2026-01-01"


def first_moment(environment: Mapping[str, str] = os.environ) -> datetime:
    """Return the later of the first partition and the platform's first start, in UTC.

    A time without an offset is in UTC. An empty variable counts as unset.

    Raises:
        ValueError: a variable is not an ISO date or time.
    """
    since = _moment(environment, VARIABLE, DEFAULT)
    return max(since, _moment(environment, FIRST_START, DEFAULT))


def _moment(environment: Mapping[str, str], variable: str, default: str) -> datetime:
    text = environment.get(variable, "").strip() or default
    try:
        # Airflow 2 may run on Python 3.10, which cannot parse a Z.
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        utc = timezone.utc  # noqa: UP017 - as above
        return moment.replace(tzinfo=moment.tzinfo or utc).astimezone(utc)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{variable} is {text!r}, which is not an ISO date or time. It must look like "
            "2026-01-01, 2026-11-23T05:00:00 (in UTC) or 2026-11-23T05:00:00+05:30. Correct or "
            "unset it"
        ) from error
