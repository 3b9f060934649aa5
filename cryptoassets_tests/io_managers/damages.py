"""Ways in which a folder of Parquet is damaged; each leaves its `_SUCCESS` in place."""

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
    """Leave nothing of the first file but its name."""
    _first(folder).write_bytes(b"")


def overwrite(folder: Path) -> None:
    """Put something else in the place of the first file."""
    _first(folder).write_bytes(b"<html>502 Bad Gateway</html>" * 99)


def flip(folder: Path) -> None:
    """Change letters of the rows: only the checksums of the pages know of it."""
    path = _first(folder)
    held = path.read_bytes()
    assert b"coin-" in held
    path.write_bytes(held.replace(b"coin-", b"koin-"))


def flip_in(folder: Path, column: str) -> None:
    """Change the last byte of what the first file holds of a column: its footer is whole."""
    path = _first(folder)
    footer = pq.ParquetFile(path).metadata
    chunk = footer.row_group(0).column(footer.schema.names.index(column))
    pages = [chunk.data_page_offset, chunk.dictionary_page_offset]
    last = min(page for page in pages if page) + chunk.total_compressed_size - 1
    held = bytearray(path.read_bytes())
    held[last] ^= 1
    path.write_bytes(held)


def remove_files(folder: Path) -> None:
    """Leave the mark without files."""
    for path in folder.glob("*.parquet"):
        path.unlink()


def nest(folder: Path) -> None:
    """Put a folder in the place of the first file."""
    path = _first(folder)
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (truncate, empty, overwrite, flip, remove_files, nest)
}
