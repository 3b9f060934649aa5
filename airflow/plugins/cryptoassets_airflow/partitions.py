"""Finds the partition into which a fetching task stored its documents.

What goes here: reading that task's result. What stays out: the facts' names (in `facts`), the
partition that a fetching task asks for (in the DAGs).
"""

import json
from collections.abc import Mapping
from typing import Any

from cryptoassets_airflow.facts import (
    DOCUMENTS_OF_OTHER_PARTITIONS,
    DOCUMENTS_RECEIVED,
    IS_LATE,
)


def partition_of_documents(result: Mapping[str, Any] | str | None, default: str) -> str:
    """Return the partition that a task must process after another task fetched documents.

    A document belongs to the hour in which it was observed. Therefore, a run that is launched just
    before the end of its hour may store its documents in the next hour's partition. If documents
    went to several partitions, the partition for which the run was launched is returned; Dagster's
    sensors for late documents process the other partitions.

    Args:
        result: the fetching task's return value (XCom), or its JSON text.
        default: the partition to return if the result names none.
    """
    # Airflow 3 encodes the result of a task that ended in the triggerer twice, but decodes it once.
    outcome = json.loads(result) if isinstance(result, str) else result or {}
    made = [one for one in outcome.get("materializations", ()) if one["partition"]]
    own = [one for one in made if not one["facts"].get(IS_LATE)]
    late = [one for one in made if one["facts"].get(IS_LATE)]
    if late and not any(_has_new_documents(one["facts"]) for one in own):
        return str(late[-1]["partition"])
    return str(own[0]["partition"]) if own else default


def _has_new_documents(facts: Mapping[str, Any]) -> bool:
    """Return whether the run stored documents in the partition for which it was launched."""
    received: int = facts.get(DOCUMENTS_RECEIVED, 0)
    elsewhere: int = facts.get(DOCUMENTS_OF_OTHER_PARTITIONS, 0)
    return received > elsewhere
