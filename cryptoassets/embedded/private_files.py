"""Writes files that only we can read, such as passwords."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write a file with mode 0600; an existing file is replaced atomically."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(file)
