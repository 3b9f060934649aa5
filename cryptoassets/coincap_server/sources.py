"""Creates a simulated or replayed source, and serves it until a signal is received.

What goes here: putting the parts together. What stays out: HTTP (in `server`).
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from cryptoassets.coincap_server.replay import Recording
from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.service import Service
from cryptoassets.coincap_server.simulator.market import Market
from cryptoassets.coincap_server.simulator.routes import SimulatedContent


def _utc_now() -> datetime:
    return datetime.now(UTC)


def simulated_source(
    seed: int = 0, *, api_key: str | None = None, now: Callable[[], datetime] = _utc_now
) -> Service:
    """Return a source of simulated prices; the same seed and instant give the same response."""
    return Service(SimulatedContent(Market(seed)), api_key=api_key, now=now)


def replayed_source(
    folder: Path,
    *,
    as_recorded: bool = False,
    api_key: str | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> Service:
    """Return a source of recorded responses.

    Args:
        folder: contains `assets.json`, `history_<slug>_<interval>.json`, `rates.json`.
        as_recorded: send recorded responses with their recorded timestamp, not the current time.
        api_key: refuse calls without this key; None accepts every call.
        now: the clock for timestamps.

    Raises:
        SettingsError: the folder contains no recorded response, or one that cannot be read.
    """
    return Service(Recording(folder, as_recorded=as_recorded), api_key=api_key, now=now)


def run_source(  # noqa: PLR0913 - one parameter per option of the command
    port: int,
    replay: Path | None,
    as_recorded: bool,  # noqa: FBT001 - the command passes its options in order
    seed: int,
    api_key: str | None,
    announce: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
) -> None:
    """Serve until SIGTERM or SIGINT, as the command `source` does; call it in the main thread.

    Args:
        port: 0 chooses a free port.
        replay: folder of recorded responses; None: prices are simulated.
        as_recorded: send recorded responses with their recorded timestamp.
        seed: seed of the simulated prices.
        api_key: refuse calls without this key; None accepts every call.
        announce: called with the base URL when the server is ready.
        host: address to listen on.

    Raises:
        SettingsError: the port, the folder or a file in it cannot be used.
    """
    if replay is None:
        app = simulated_source(seed, api_key=api_key)
    else:
        app = replayed_source(replay, as_recorded=as_recorded, api_key=api_key)
    with _stop_signals() as is_stopped, make_server(app, port, host) as server:
        announce(server.url)
        is_stopped.wait()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    is_stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        is_stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield is_stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
