"""Functions that damage a folder of Parquet files; each keeps the `_SUCCESS` file."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq


def _first(folder: Path) -> Path:
    return min(folder.glob("*.parquet"))


def truncate(folder: Path) -> None:
    """Cut the first file in half."""
    path = _first(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(folder: Path) -> None:
    """Delete the content of the first file."""
    _first(folder).write_bytes(b"")


def overwrite(folder: Path) -> None:
    """Replace the content of the first file with text."""
    _first(folder).write_bytes(b"<html>502 Bad Gateway</html>" * 99)


def flip(folder: Path) -> None:
    """Change letters in the rows of the first file; only checksums reveal the change."""
    path = _first(folder)
    content = path.read_bytes()
    assert b"coin-" in content
    path.write_bytes(content.replace(b"coin-", b"koin-"))


def flip_in(folder: Path, column: str) -> None:
    """Change the last byte of a column in the first file; its footer stays intact."""
    path = _first(folder)
    footer = pq.ParquetFile(path).metadata
    chunk = footer.row_group(0).column(footer.schema.names.index(column))
    pages = [chunk.data_page_offset, chunk.dictionary_page_offset]
    last = min(page for page in pages if page) + chunk.total_compressed_size - 1
    content = bytearray(path.read_bytes())
    content[last] ^= 1
    path.write_bytes(content)


def remove_files(folder: Path) -> None:
    """Delete all Parquet files."""
    for path in folder.glob("*.parquet"):
        path.unlink()


def nest(folder: Path) -> None:
    """Replace the first file with a folder."""
    path = _first(folder)
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (truncate, empty, overwrite, flip, remove_files, nest)
}
