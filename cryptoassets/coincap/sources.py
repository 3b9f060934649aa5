"""Our own sources, ready to be served.

What goes here: the two ways to make one. What stays out: serving (in `server`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptoassets.coincap.replay import Recording
from cryptoassets.coincap.service import Service
from cryptoassets.coincap.simulator.market import Market
from cryptoassets.coincap.simulator.routes import SimulatedContent


def _utc_now() -> datetime:
    return datetime.now(UTC)


def simulated_source(
    seed: int = 0, *, api_key: str | None = None, now: Callable[[], datetime] = _utc_now
) -> Service:
    """Return a source of simulated prices; the same seed and instant give the same answer."""
    return Service(SimulatedContent(Market(seed)), api_key=api_key, now=now)


def replayed_source(
    folder: Path,
    *,
    as_recorded: bool = False,
    api_key: str | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> Service:
    """Return a source of recorded answers.

    Args:
        folder: holds `assets.json`, `history_<slug>_<interval>.json`, `rates.json`.
        as_recorded: keep the timestamp of a recorded snapshot instead of stamping it now.
        api_key: refuse calls without it.
        now: the clock that stamps.

    Raises:
        SettingsError: the folder holds no answer, or one that cannot be read.
    """
    return Service(Recording(folder, as_recorded=as_recorded), api_key=api_key, now=now)
