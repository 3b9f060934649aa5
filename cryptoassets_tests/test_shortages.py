"""Resource shortages on this machine are reported with a remedy."""

from pathlib import Path

import pytest

from cryptoassets.shortages import disk_problem, shortage_message


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
    assert remedy in str(shortage_message(words))


def test_an_unrelated_message_indicates_no_shortage() -> None:
    """A wrong remedy would mislead the user."""
    assert shortage_message("relation coins already exists") is None


def test_a_writable_folder_has_no_shortage(tmp_path: Path) -> None:
    """The test write leaves no file behind."""
    assert disk_problem(tmp_path / "new") is None
    assert disk_problem(tmp_path / "new") is None
    assert [] == list((tmp_path / "new").iterdir())


def test_a_folder_that_is_not_writable_is_named(tmp_path: Path) -> None:
    """The folder is below a file, where even root cannot write."""
    (tmp_path / "file").touch()

    assert (
        f"{tmp_path / 'file'} is not writable (File exists). Fix its permissions, or set "
        "CRYPTOASSETS_HOME to a writable folder, then run the command again"
    ) == disk_problem(tmp_path / "file")
