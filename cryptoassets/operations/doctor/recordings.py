"""Writes answers in the form that `source --replay` serves, without the key.

What stays out: making the calls (in `live`), serving the files (in `coincap_server.replay`).
"""

from pathlib import Path

from cryptoassets.coincap.redaction import BearerKey
from cryptoassets.errors import SettingsError


class Recorder:
    """Writes answers to one folder, which is created with the first of them.

    Attributes:
        files: names of the files.
    """

    def __init__(self, folder: Path, key: str | None) -> None:
        self._folder = folder
        self._key = BearerKey(key)
        self.files: list[str] = []

    def record(self, name: str, body: bytes) -> None:
        """Write an answer as `<name>.json`."""
        self._write(f"{name}.json", body)

    def record_unreadable(self, name: str, body: bytes) -> None:
        """Write an answer that could not be read as `<name>.unreadable`, which no replay serves."""
        self._write(f"{name}.unreadable", body)

    def _write(self, file: str, body: bytes) -> None:
        # Bytes that are not UTF-8 stay as they are.
        text = self._key.redacted(body.decode(errors="surrogateescape"))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / file).write_bytes(text.encode(errors="surrogateescape"))
        except OSError as error:
            raise SettingsError(
                f"{self._folder / file} cannot be written ({error.strerror}). Set "
                "CRYPTOASSETS_HOME to a folder that can be written"
            ) from error
        self.files.append(file)
