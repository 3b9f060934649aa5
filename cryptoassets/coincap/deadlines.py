"""Ends a call at its deadline, even while the server is still sending.

What goes here: connections that another thread can shut down. What stays out: how long a call may
take (in `models.Timeouts`).

A read time-out restarts with each received byte, so it never ends a call to a very slow server.
"""

import socket
import threading
from time import monotonic
from types import TracebackType
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_running = threading.local()


class CutOff:
    """Shuts down the socket of this thread's call at a deadline, a `time.monotonic` value."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._timer = threading.Timer(max(0.0, deadline - monotonic()), self._cut)
        self._timer.daemon = True
        self._socket: Any = None

    def __enter__(self) -> None:
        _running.cut_off = self
        self._timer.start()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        _running.cut_off = None

    def watch(self, connection_socket: Any) -> None:
        """Remember the call's socket; shut it down now if the deadline has already passed."""
        self._socket = connection_socket
        if monotonic() >= self._deadline:
            self._cut()

    def _cut(self) -> None:
        try:
            # Call the base class's method: `SSLSocket.shutdown` would drop the TLS state that the
            # thread of the call still uses.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except (OSError, TypeError):
            return  # closed already, or not yet open


def _watch(connection: HTTPConnection) -> None:
    cut_off = getattr(_running, "cut_off", None)
    if cut_off is not None:
        cut_off.watch(connection.sock)


class _WatchedHTTP(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _watch(self)
        return super().getresponse()


class _WatchedHTTPS(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _watch(self)
        return super().getresponse()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


class DeadlineAdapter(HTTPAdapter):
    """Opens connections that a deadline can shut down, with or without a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools of connections without a proxy."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Create the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager
