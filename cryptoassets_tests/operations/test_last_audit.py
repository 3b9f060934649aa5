"""The record of earlier audits: if in doubt, a partition is compared again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from cryptoassets.operations.last_audit import LastAudit
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.settings import Settings
from cryptoassets.stores.ledger import LedgerRow

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
HOUR = Span(START, START + timedelta(hours=1))
FILES = "names and bytes"
ROW = LedgerRow(3, 1, 1, 1, None, 7, START, "names:bytes", "1:1 1:1")
ADDRESSES = ("mongodb://127.0.0.1:1/datalake", "postgresql://127.0.0.1:2/bigdata_db", "/clean")


def record_of(home: Path, addresses: tuple[str, str, str] = ADDRESSES, **named: str) -> LastAudit:
    """The record for these stores; stores without a URL in `named` are embedded."""
    urls = {name: SecretStr(url) for name, url in named.items()}
    return LastAudit(Settings(_env_file=None, cryptoassets_home=home, **urls), addresses)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which one hour was audited."""
    last = record_of(tmp_path)
    last.note(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    last.save()
    return tmp_path


def test_the_time_of_the_last_comparison_is_known_if_nothing_has_changed(home: Path) -> None:
    """For other flows, other partitions or other files, no time is known."""
    last = record_of(home)

    at = last.compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)

    assert at is not None
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=1)
    assert last.compared_at(HISTORY_FLOW, HOUR, ROW, FILES) is None
    assert last.compared_at(SNAPSHOT_FLOW, HOUR, ROW, "other files") is None
    assert last.compared_at(SNAPSHOT_FLOW, Span(HOUR.end, HOUR.end), ROW, FILES) is None


@pytest.mark.parametrize(
    "change",
    [
        {"raw_rows": 4},
        {"superseded_rows": 2},
        {"publication": 8},
        {"loaded_at": START + timedelta(microseconds=1)},
        {"clean_checksum": None},
        {"rows_checksum": "1:1 1:2"},
    ],
    ids=str,
)
def test_a_partition_whose_ledger_row_changed_is_compared_again(
    home: Path, change: dict[str, object]
) -> None:
    """Every column of the ledger row counts."""
    assert record_of(home).compared_at(SNAPSHOT_FLOW, HOUR, replace(ROW, **change), FILES) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"stores": 1}', '{"%s": {"%s": ["old form"]}}', "\x00"]
)
def test_an_unusable_file_is_ignored_and_replaced(home: Path, text: str) -> None:
    """If the file is truncated or in another format, everything is compared again."""
    [file] = home.iterdir()
    file.write_text(text)

    last = record_of(home)

    assert last.compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None
    last.note(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    last.save()
    assert record_of(home).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    assert [file] == list(home.iterdir())


def test_embedded_stores_are_recognised_at_any_port(home: Path) -> None:
    """The port of an embedded store may change; a store in the settings is known by its address."""
    moved = ("mongodb://127.0.0.1:8/datalake", "postgresql://127.0.0.1:9/bigdata_db", "/clean")
    named = {"mongo_url": "mongodb://127.0.0.1:8", "postgres_url": "postgresql://127.0.0.1:9/x"}

    assert record_of(home, moved).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    assert record_of(home, moved, **named).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None
    assert (
        record_of(home, (*moved[:2], "/new")).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None
    )


def test_stores_at_another_address_have_their_own_record(home: Path) -> None:
    """After switching to other stores and back, partitions are not compared again."""
    others = record_of(home, (*ADDRESSES[:2], "/other"))
    others.note(HISTORY_FLOW, HOUR, ROW, FILES)
    others.save()

    assert record_of(home).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)


def test_a_partition_with_differences_is_forgotten(home: Path) -> None:
    """The next audit must report the differences again, even if nothing has changed since."""
    last = record_of(home)

    last.forget(SNAPSHOT_FLOW, HOUR)
    last.save()

    assert record_of(home).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None


def test_a_file_that_cannot_be_replaced_is_not_an_error(home: Path) -> None:
    """On a full disk `audit` must still report its findings."""
    [file] = home.iterdir()
    file.unlink()
    file.mkdir()

    last = record_of(home)
    last.save()

    assert [file] == list(home.iterdir())
