"""Collects a response body in bounded memory, however large it is.

What goes here: decompression and the size limit. What stays out: sockets (in `transport`).
"""

import zlib
from typing import Any

MAX_BODY_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class BoundedBody:
    """Collects a body up to `MAX_BODY_BYTES`, decompressing it in bounded steps.

    Attributes:
        fault: reason code if the body is too large or cannot be decompressed, else None.
    """

    def __init__(self, encoding: str) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._gzip: Any = None
        self.fault: str | None = None
        if encoding.lower() in ("gzip", "x-gzip"):
            self._gzip = zlib.decompressobj(wbits=31)
        elif encoding.lower() not in ("", "identity"):
            self.fault = "bad_encoding"

    @property
    def content(self) -> bytes:
        """The bytes received so far, decompressed."""
        return b"".join(self._chunks)

    def add(self, chunk: bytes) -> None:
        """Add the next bytes; check `fault` before adding more."""
        if self._gzip is None:
            self._keep(chunk)
            return
        try:
            while chunk and not self.fault:
                self._keep(self._gzip.decompress(chunk, CHUNK_BYTES))
                chunk = self._gzip.unconsumed_tail
        except zlib.error:
            self.fault = "bad_encoding"

    def end(self) -> str | None:
        """Return a reason code if the compressed stream is incomplete, else None."""
        if self._gzip is None or self._gzip.eof or not self._size:
            return None
        return "truncated"

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_BODY_BYTES:
            self.fault = "too_large"
        else:
            self._chunks.append(part)
