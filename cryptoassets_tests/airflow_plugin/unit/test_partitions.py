"""The DAGs process the hour in which the fetched documents were stored."""

import json
from typing import Any

from cryptoassets_airflow.facts import (
    DOCUMENTS_OF_OTHER_PARTITIONS,
    DOCUMENTS_RECEIVED,
    IS_LATE,
)
from cryptoassets_airflow.partitions import partition_of_documents

HOUR, NEXT_HOUR = "2026-11-27-23:00", "2026-11-28-00:00"


def result(*materializations: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a fetching task's result that is read."""
    return {"materializations": list(materializations)}


def own(*, received: int, elsewhere: int) -> dict[str, Any]:
    """Return the materialization of the launched partition, which must have documents."""
    facts = {DOCUMENTS_RECEIVED: received, DOCUMENTS_OF_OTHER_PARTITIONS: elsewhere}
    return {"partition": HOUR, "facts": facts}


LATE = {"partition": NEXT_HOUR, "facts": {DOCUMENTS_RECEIVED: 100, IS_LATE: True}}


def test_documents_in_the_launched_hour_are_processed_there() -> None:
    """A run for a past hour that has documents fetches nothing and keeps them."""
    for received in (100, 0):
        fetched = result(own(received=received, elsewhere=0))

        assert HOUR == partition_of_documents(fetched, "default")


def test_documents_of_the_next_hour_are_processed_there() -> None:
    """A run launched at 23:59:59 fetches at 00:00. The launched hour may have older documents."""
    assert NEXT_HOUR == partition_of_documents(result(LATE), HOUR)
    assert NEXT_HOUR == partition_of_documents(result(LATE, own(received=100, elsewhere=100)), HOUR)


def test_if_documents_went_to_both_hours_the_launched_hour_is_processed() -> None:
    """A sensor in Dagster processes the documents of the other hour."""
    assert HOUR == partition_of_documents(result(LATE, own(received=150, elsewhere=100)), HOUR)


def test_the_result_may_be_json_text() -> None:
    """On Airflow 3, it is JSON text if the fetching task ended in the triggerer."""
    assert NEXT_HOUR == partition_of_documents(json.dumps(result(LATE)), HOUR)


def test_without_a_result_the_default_is_used() -> None:
    """A task that a user has marked as successful has no result, for example."""
    assert HOUR == partition_of_documents(None, HOUR)
    assert HOUR == partition_of_documents(result(), HOUR)
