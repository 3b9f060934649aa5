"""Writes the source's responses to files that `source --replay` can serve, without the API key.

What stays out: making the calls (in `live`), serving the files (in `coincap_server.replay`).
"""

from pathlib import Path

from cryptoassets.coincap.redaction import BearerKey
from cryptoassets.errors import SettingsError


class Recorder:
    """Writes responses to one folder, which is created when the first response is written.

    Attributes:
        files: names of the files that were written.
    """

    def __init__(self, folder: Path, key: str | None) -> None:
        self._folder = folder
        self._key = BearerKey(key)
        self.files: list[str] = []

    def record(self, name: str, body: bytes) -> None:
        """Write a response as `<name>.json`."""
        self._write(f"{name}.json", body)

    def record_unreadable(self, name: str, body: bytes) -> None:
        """Write an unreadable response to `<name>.unreadable`; a replay ignores such files."""
        self._write(f"{name}.unreadable", body)

    def _write(self, file: str, body: bytes) -> None:
        # `surrogateescape` preserves bytes that are not UTF-8.
        text = self._key.redacted(body.decode(errors="surrogateescape"))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / file).write_bytes(text.encode(errors="surrogateescape"))
        except OSError as error:
            raise SettingsError(
                f"{self._folder / file} cannot be written ({error.strerror}). Set "
                "CRYPTOASSETS_HOME to a writable folder"
            ) from error
        self.files.append(file)
