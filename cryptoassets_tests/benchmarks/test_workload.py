"""Workloads have the same documents on every machine, with all kinds of faults."""

import pytest

from benchmarks.workload import BROKEN, EIGHT_FAULTS, WORKLOADS, Document, snapshots


def documents(name: str, share: float) -> list[Document]:
    """Return all documents of a scaled workload."""
    made = snapshots(WORKLOADS[name].scaled(share))
    return [document for snapshot in made for document in snapshot.documents]


def test_a_workload_is_the_same_each_time() -> None:
    """Ratios measured on different days are compared, so all runs must do the same work."""
    assert documents("1m", 0.0005) == documents("1m", 0.0005)


@pytest.mark.parametrize(
    ("name", "count"), [("200k", 200_000), ("1m", 1_001_208), ("5m", 5_006_040)]
)
def test_a_workload_has_the_size_in_its_name(name: str, count: int) -> None:
    """Readers of the results rely on the name."""
    assert count == WORKLOADS[name].documents


def test_a_scaled_workload_has_the_reported_number_of_documents() -> None:
    """The number is shown as progress."""
    scaled = WORKLOADS["200k"].scaled(0.01)

    made = documents("200k", 0.01)

    assert scaled.documents == len(made) == len({document["_id"] for document in made})


def test_every_fault_occurs_in_the_right_share() -> None:
    """If a fault were missing, a program that ignores its rule could be faster unnoticed."""
    made = [document["payload"] for document in documents("200k", 0.1)]

    counts = {
        (field, str(value)): sum(payload[field] == value for payload in made)
        for field, value in EIGHT_FAULTS
    }

    assert all(counts.values())
    assert sum(counts.values()) / len(made) == pytest.approx(BROKEN, rel=0.15)


def test_some_prices_occur_in_two_responses() -> None:
    """Some documents have the same coin and time; programs must use the later one."""
    made = documents("200k", 0.01)

    keys = {(document["coin_id"], document["observed_at"]) for document in made}

    assert len(made) - len(keys) == WORKLOADS["200k"].scaled(0.01).second_responses_per_hour
