"""When the platform began, as the environment of Airflow's processes says.

What stays out: what is scheduled from then on (in the DAGs).
"""

import os
from collections.abc import Mapping
from datetime import datetime, timezone

VARIABLE = "CRYPTOASSETS_SINCE"
DEFAULT = "2026-11-23"


def first_moment(environment: Mapping[str, str] = os.environ) -> datetime:
    """Return the moment in UTC; a time without an offset is UTC already, empty counts as unset.

    Raises:
        ValueError: the text is no ISO date or time; names the variable and the form.
    """
    text = environment.get(VARIABLE, "").strip() or DEFAULT
    try:
        # Airflow 2 may run on Python 3.10, which does not read a Z.
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        utc = timezone.utc  # noqa: UP017 - as above
        return moment.replace(tzinfo=moment.tzinfo or utc).astimezone(utc)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{VARIABLE} is {text!r}, which is no ISO date or time. It looks like 2026-11-23, "
            "2026-11-23T05:00:00 (in UTC) or 2026-11-23T05:00:00+05:30. Correct or unset it"
        ) from error
