"""Shortages of the machine are named with their remedy."""

from pathlib import Path

import pytest

from cryptoassets.shortages import disk_remedy, remedy_of


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "Free some space"),
        ("sqlite3.OperationalError: database or disk is full", "Free some space"),
        ("java.io.IOException: File too large", "`ulimit -f`"),
        ("OSError: [Errno 24] Too many open files", "`ulimit -n 4096`"),
        ("FATAL: insufficient file descriptors available", "`ulimit -n 4096`"),
        ("MemoryError: ", "`ulimit -v unlimited`"),
        ("Could not reserve enough space for 786432KB object heap", "`ulimit -v unlimited`"),
        ("java.lang.OutOfMemoryError: Java heap space", "`ulimit -v unlimited`"),
    ],
)
def test_a_shortage_is_recognized_in_the_message_of_any_program(words: str, remedy: str) -> None:
    """PostgreSQL, SQLite, Java and Python each have their own messages."""
    assert remedy in str(remedy_of(words))


def test_other_messages_indicate_no_shortage() -> None:
    """A wrong remedy is worse than none."""
    assert remedy_of("relation coins already exists") is None


def test_a_folder_that_can_be_written_has_no_shortage(tmp_path: Path) -> None:
    """The test write leaves no file behind."""
    assert disk_remedy(tmp_path / "new") is None
    assert disk_remedy(tmp_path / "new") is None
    assert [] == list((tmp_path / "new").iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Root may write everywhere, but not below a file."""
    (tmp_path / "file").touch()

    assert (
        f"{tmp_path / 'file'} cannot be written (File exists). Fix its permissions, or set "
        "CRYPTOASSETS_HOME to a folder that can be written, then run it again"
    ) == disk_remedy(tmp_path / "file")
