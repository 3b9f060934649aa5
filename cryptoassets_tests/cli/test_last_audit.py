"""Promises of what `audit` remembers: a doubt is always resolved by comparing again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from cryptoassets.cli.last_audit import LastAudit
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.settings import Settings
from cryptoassets.stores.ledger import LedgerRow

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
HOUR = Span(START, START + timedelta(hours=1))
FILES = "names and bytes"
ROW = LedgerRow(3, 1, 1, 1, None, 7, START, "names:bytes", "1:1 1:1")
ADDRESSES = ("mongodb://127.0.0.1:1/datalake", "postgresql://127.0.0.1:2/bigdata_db", "/clean")


def remembered(home: Path, addresses: tuple[str, str, str] = ADDRESSES, **named: str) -> LastAudit:
    """What is remembered of some stores; those that are not named are embedded ones."""
    urls = {name: SecretStr(url) for name, url in named.items()}
    return LastAudit(Settings(_env_file=None, cryptoassets_home=home, **urls), addresses)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which the hour was audited."""
    last = remembered(tmp_path)
    last.note(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    last.save()
    return tmp_path


def test_a_partition_whose_ledger_row_is_the_same_is_known_with_its_time(home: Path) -> None:
    """Other flows and other partitions are not."""
    last = remembered(home)

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
    """Whatever of it changed."""
    assert remembered(home).compared_at(SNAPSHOT_FLOW, HOUR, replace(ROW, **change), FILES) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"stores": 1}', '{"%s": {"%s": ["old form"]}}', "\x00"]
)
def test_a_file_that_cannot_be_used_is_no_file(home: Path, text: str) -> None:
    """Cut, or written by another version: everything is compared again, and the file is made."""
    [file] = home.iterdir()
    file.write_text(text)

    last = remembered(home)

    assert last.compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None
    last.note(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    last.save()
    assert remembered(home).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    assert [file] == list(home.iterdir())


def test_embedded_stores_are_known_at_whatever_port_they_start(home: Path) -> None:
    """They get another one each time; stores that are named are known by their address."""
    moved = ("mongodb://127.0.0.1:8/datalake", "postgresql://127.0.0.1:9/bigdata_db", "/clean")
    named = {"mongo_url": "mongodb://127.0.0.1:8", "postgres_url": "postgresql://127.0.0.1:9/x"}

    assert remembered(home, moved).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)
    assert remembered(home, moved, **named).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None
    assert (
        remembered(home, (*moved[:2], "/new")).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None
    )


def test_stores_of_another_address_are_kept_beside(home: Path) -> None:
    """Switching the source and back must not compare all again."""
    others = remembered(home, (*ADDRESSES[:2], "/other"))
    others.note(HISTORY_FLOW, HOUR, ROW, FILES)
    others.save()

    assert remembered(home).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES)


def test_what_does_not_add_up_is_forgotten(home: Path) -> None:
    """An equal count must not hide tomorrow what was found today."""
    last = remembered(home)

    last.forget(SNAPSHOT_FLOW, HOUR)
    last.save()

    assert remembered(home).compared_at(SNAPSHOT_FLOW, HOUR, ROW, FILES) is None


def test_a_home_that_cannot_be_written_stops_nothing(home: Path) -> None:
    """`audit` only shows; on a full disk it must still tell what it found."""
    [file] = home.iterdir()
    file.unlink()
    file.mkdir()

    last = remembered(home)
    last.save()

    assert [file] == list(home.iterdir())
