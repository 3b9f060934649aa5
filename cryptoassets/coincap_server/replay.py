"""Serves recorded responses from a folder; every coin is sent with its original text.

What goes here: reading and serving `assets.json`, `history_<slug>_<interval>.json` and
`rates.json`. They have the form of CoinCap v2 or v3, and may be compressed with gzip. What stays
out: simulated responses (in `simulator`).
"""

import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cryptoassets.coincap.bodies import BoundedBody
from cryptoassets.coincap.verbatim import UnreadableError, read_envelope
from cryptoassets.coincap_server.exchange import (
    BadQueryError,
    Reply,
    Request,
    error_reply,
    matches_query,
    read_bounds,
    select_page,
)
from cryptoassets.errors import SettingsError
from cryptoassets.settings import SourceKind

_NAMES = ("assets.json", "rates.json", "history_*_*.json")
_ENDINGS = (".json", ".json.gz")
_GZIP = b"\x1f\x8b"
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class _File:
    """One recorded response: each element as a value for filters and as the text to send."""

    version: tuple[int, int]
    timestamp: str | None
    elements: tuple[tuple[dict[str, Any], str], ...]


class Recording:
    """A folder of recorded responses; changed files are read again."""

    source: SourceKind = "replay"

    def __init__(self, folder: Path, *, as_recorded: bool = False) -> None:
        """Read every file once, so that a broken file is reported at the start.

        Raises:
            SettingsError: the folder contains no recorded response, or one that cannot be read.
        """
        self._folder = folder
        self._is_as_recorded = as_recorded
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}
        found = {path.name for name in _NAMES for path in folder.glob(f"{name}*")}
        names = sorted({name.removesuffix(".gz") for name in found if name.endswith(_ENDINGS)})
        if not names:
            raise SettingsError(
                f"No recorded response in {folder}: it must contain assets.json, rates.json or "
                "history_<slug>_<interval>.json. Set another folder with --replay"
            )
        for name in names:
            self._file(name)

    def reply(self, request: Request, now_ms: int) -> Reply:
        """Return the recorded response to a GET request, or 404 if none was recorded."""
        try:
            return self._recorded(request, now_ms)
        except BadQueryError as error:
            return error_reply(HTTPStatus.BAD_REQUEST, str(error), now_ms)
        except FileNotFoundError as error:
            message = f"Not recorded: {Path(error.filename).name} is not in the replayed folder"
            return error_reply(HTTPStatus.NOT_FOUND, message, now_ms)
        except SettingsError as error:
            return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), now_ms)

    def _recorded(self, request: Request, now_ms: int) -> Reply:
        match request.path.strip("/").split("/"):
            case ["assets"]:
                return self._page("assets.json", request, now_ms)
            case ["rates"]:
                return self._page("rates.json", request, now_ms)
            case ["assets", slug]:
                return self._coin(slug, now_ms)
            case ["assets", slug, "history"]:
                return self._history(slug, request, now_ms)
        return error_reply(HTTPStatus.NOT_FOUND, f"{request.path} is not served", now_ms)

    def _page(self, name: str, request: Request, now_ms: int) -> Reply:
        file = self._file(name)
        chosen = [text for value, text in file.elements if matches_query(value, request.query)]
        items = chosen if name == "rates.json" else select_page(chosen, request.query)
        return Reply(HTTPStatus.OK, self._stamp(file, now_ms), tuple(items))

    def _coin(self, slug: str, now_ms: int) -> Reply:
        file = self._file("assets.json")
        for value, text in file.elements:
            if value.get("id") == slug:
                return Reply(HTTPStatus.OK, self._stamp(file, now_ms), data=text)
        return error_reply(HTTPStatus.NOT_FOUND, f"{slug} not found", now_ms)

    def _history(self, slug: str, request: Request, now_ms: int) -> Reply:
        name = f"history_{slug}_{request.query.get('interval', 'h1')}.json"
        if Path(name).name != name:
            return error_reply(HTTPStatus.NOT_FOUND, f"{slug} not found", now_ms)
        file = self._file(name)
        start, end = read_bounds(request.query) or (0, now_ms)
        items = [text for value, text in file.elements if start <= value["time"] < end]
        return Reply(HTTPStatus.OK, self._stamp(file, now_ms), tuple(items))

    def _stamp(self, file: _File, now_ms: int) -> str | None:
        return file.timestamp if self._is_as_recorded else str(now_ms)

    def _file(self, name: str) -> _File:
        """Return the current content of a file; it is read again if it has changed."""
        path = self._folder / name
        packed = path.with_name(f"{name}.gz")
        if packed.exists() and not path.exists():
            path = packed
        state = path.stat()
        version = (state.st_mtime_ns, state.st_size)
        with self._lock:
            known = self._files.get(name)
            if known is None or known.version != version:
                known = _read(path, version)
                self._files[name] = known
            return known


def _read(path: Path, version: tuple[int, int]) -> _File:
    try:
        envelope = read_envelope(_unpacked(path.read_bytes()))
        if envelope.items is None:
            raise UnreadableError("no_data")
        elements = tuple((json.loads(item.text), item.text) for item in envelope.items)
        is_history = path.name.startswith("history_")
        if not all(isinstance(value, dict) for value, _ in elements):
            raise UnreadableError("not_an_object")
        times = [value.get("time") for value, _ in elements] if is_history else []
        odd = [time for time in times if type(time) is not int]
        if odd:
            shown = json.dumps(odd[0])[:_SHOWN_CHARACTERS]
            raise UnreadableError(f"a point's time is {shown}, not a number of milliseconds")
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"The recorded response {path} cannot be served ({error}). A retry will not help; fix "
            'the file: CoinCap\'s own form is {"timestamp": ..., "data": [...]}'
        ) from error
    stamp = envelope.members.get("timestamp")
    return _File(version, None if stamp is None else json.dumps(stamp), elements)


def _unpacked(content: bytes) -> bytes:
    """Return the content, decompressed if it is gzip; the file's name does not matter."""
    if not content.startswith(_GZIP):
        return content
    body = BoundedBody("gzip")
    body.add(content)
    fault = body.fault or body.end()
    if fault:
        raise UnreadableError(f"gzip, {fault}")
    return body.content
