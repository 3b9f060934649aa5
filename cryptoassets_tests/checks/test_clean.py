"""The checks of the clean layer read one Parquet file at a time, and find problems in all files."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.checks.clean import coin_prices_quality, contract_checks
from cryptoassets.partitions.policies import HOURLY
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets_tests.checks.parquet import plant_files
from cryptoassets_tests.io_managers.rows import HOUR, broken_row, judged, judged_row, start_of

START = start_of(HOUR)


def at(minutes: int, coin_id: str = "bitcoin", **changes: Any) -> dict[str, Any]:
    """Return a valid row some minutes after the start of the hour, without payload."""
    changes = {"payload": None, "observed_at": START + timedelta(minutes=minutes)} | changes
    return judged_row(coin_id, **changes)


def refused(minutes: int, coin_id: str, reason: str) -> dict[str, Any]:
    """Return a quarantined row some minutes after the start of the hour."""
    observed_at: datetime = START + timedelta(minutes=minutes)
    return broken_row(coin_id, observed_at=observed_at, reasons=[reason])


@dg.asset(key=["clean", "coin_prices"], partitions_def=HOURLY)
def cleaned() -> None:
    """Replace the real asset; the test writes its files."""


def evaluations() -> dict[str, dg.AssetCheckEvaluation]:
    """Evaluate the checks for the hour; return the evaluations by name."""
    result = dg.materialize(
        [cleaned, contract_checks(SNAPSHOT_FLOW), coin_prices_quality],
        partition_key=HOUR,
        raise_on_error=False,
    )
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def facts(found: dg.AssetCheckEvaluation) -> dict[str, Any]:
    """Return metadata by label."""
    return {label: value.value for label, value in found.metadata.items()}


def test_an_hour_with_several_files_passes_and_each_row_is_counted_once(clean_path: Path) -> None:
    """Every later snapshot of an hour adds a file."""
    plant_files(clean_path, HOUR, judged(at(0), at(5)), judged(at(10)), judged())

    found = evaluations()

    assert [] == [name for name, evaluation in found.items() if not evaluation.passed]
    assert [3, 3] == [facts(found[name])["rows"] for name in ("keys", "outcomes")]


@pytest.mark.parametrize(
    ("files", "check", "problem"),
    [
        (
            [judged(at(0)), judged(at(5), at(5))],
            "keys",
            "1 duplicate keys (raw_id)",
        ),
        (
            [judged(at(0), at(10)), judged(at(10))],
            "keys",
            "part-1.parquet begins at 2026-10-31 23:10:00+00:00, before part-0.parquet ends",
        ),
        (
            [judged(at(0), at(10)), judged(at(5))],
            "keys",
            "part-1.parquet begins at 2026-10-31 23:05:00+00:00, before part-0.parquet ends",
        ),
        (
            [judged(at(0)), judged(at(5, outcome="lost"))],
            "outcomes",
            "1 of 1 rows have no known outcome",
        ),
        (
            [judged(at(0)), judged(at(5)).drop_columns(["rank"])],
            "columns",
            "rank is missing",
        ),
        (
            [judged(at(0)), judged(at(5)).append_column("odd", pa.array([1]))],
            "columns",
            "odd is unexpected",
        ),
    ],
)
def test_a_problem_in_any_file_is_reported(
    clean_path: Path, files: list[pa.Table], check: str, problem: str
) -> None:
    """Duplicate keys in two files are noticed because the time ranges of the files overlap."""
    plant_files(clean_path, HOUR, *files)

    found = evaluations()[check]

    assert (False, True) == (found.passed, problem in str(found.description)), found.description


def test_the_newest_snapshot_is_found_among_all_files(clean_path: Path) -> None:
    """The newest snapshot is not always in the file whose name sorts last."""
    broken = [refused(30, coin, "snapshot_incomplete") for coin in ("a", "b")]
    plant_files(clean_path, HOUR, judged(*broken), judged(at(0), at(0, "ether")))

    found = evaluations()

    newest = found["newest_snapshot_complete"]
    assert (False, 2) == (newest.passed, facts(newest)["coins"])
    assert "the snapshot of 2026-10-31 23:30:00+00:00 (2 coins) is" in str(newest.description)
    assert found["newest_snapshot_reliable"].passed
    share = found["quarantine_share"]
    assert "2 of 4 documents (50.0%): {'snapshot_incomplete': 2}" == share.description
    assert {"share": 0.5, "reasons": {"snapshot_incomplete": 2}} == facts(share)


def test_an_hour_without_rows_has_no_newest_snapshot_and_passes(clean_path: Path) -> None:
    """Hours without documents are published, too."""
    plant_files(clean_path, HOUR, judged())

    found = evaluations()

    assert [] == [name for name, evaluation in found.items() if not evaluation.passed]
    assert {"observed at": "None", "coins": 0} == facts(found["newest_snapshot_complete"])
