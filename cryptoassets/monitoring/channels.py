"""Sends messages to the addresses in CRYPTOASSETS_ALERT_URLS, with apprise.

What goes here: all uses of apprise. What stays out: the text of messages (in `messages`).

An address contains secrets, and where they are in it depends on the service. So no address is ever
shown: logs and errors name its position in the setting and its scheme, and `warehouse.alerts`
contains a digest.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cryptoassets.coincap.redaction import MASK
from cryptoassets.errors import SettingsError
from cryptoassets.monitoring.messages import Message

if TYPE_CHECKING:
    import apprise

_LOGGERS = ("apprise", "urllib3.connectionpool")
_SEND_SECONDS = 30.0
_unfinished: dict[str, threading.Thread] = {}
"""The thread of the last delivery to each address, by the address's digest. While the thread is
running, no other delivery to this address starts."""
_MIN_SECRET_LENGTH = 3
_DIGEST_CHARACTERS = 8
"""Enough to distinguish a few addresses, but too few to find a password by brute force."""


class Channel:
    """One address that receives messages.

    Args:
        url: the address.
        number: the address's position in CRYPTOASSETS_ALERT_URLS, from 1.

    Raises:
        SettingsError: apprise is not installed, or does not support this kind of address.
    """

    def __init__(self, url: str, number: int) -> None:
        self.name = f"address {number} ({url.partition('://')[0].lower()}://{MASK})"
        self.digest = hashlib.sha256(url.encode()).hexdigest()[:_DIGEST_CHARACTERS]
        self._parts = _parts(url)
        self._receiver = _receiver(url, self.name, self._parts)

    def __repr__(self) -> str:
        return f"Channel({self.name})"

    def send(self, message: Message) -> str | None:
        """Send a message; return why it was not delivered, or None if it was.

        Takes 30 s at most. Apprise only limits the time to connect and the time of each read, and a
        receiver that sends one byte per second would never exceed these limits.
        """
        earlier = _unfinished.get(self.digest)
        if earlier is not None and earlier.is_alive():
            return "it still has not answered an earlier message"
        results: list[str | None] = []
        thread = threading.Thread(
            target=lambda: results.append(self._deliver(message)), name="alert", daemon=True
        )
        _unfinished[self.digest] = thread
        thread.start()
        thread.join(_SEND_SECONDS)
        return results[0] if results else f"no response within {_SEND_SECONDS:g} s"

    def _deliver(self, message: Message) -> str | None:
        with _quiet(self._parts) as complaints:
            try:
                is_sent = self._receiver.notify(
                    body=message.body, title=message.title, notify_type=message.level
                )
            except Exception as error:  # noqa: BLE001 - apprise's plugins may raise anything
                return self._redacted(f"{type(error).__name__}: {error}")
        return None if is_sent else self._redacted("; ".join(complaints) or "no reason given")

    def _redacted(self, text: str) -> str:
        """Return a text in which every part of the address is masked."""
        for part in self._parts:
            text = text.replace(part, MASK)
        return text


def _parts(url: str) -> list[str]:
    """Return all parts of an address that could be secrets, longest first."""
    rest = url.partition("://")[2]
    parts = {part for form in (rest, unquote(rest)) for part in re.split(r"[/:@?&=,#]", form)}
    return sorted((one for one in {rest, *parts} if len(one) >= _MIN_SECRET_LENGTH), key=len)[::-1]


def channels(urls: Sequence[str]) -> list[Channel]:
    """Return one channel per address.

    Raises:
        SettingsError: see `Channel`.
    """
    return [Channel(url, number) for number, url in enumerate(urls, 1)]


def _receiver(url: str, name: str, parts: Collection[str]) -> "apprise.Apprise":
    try:
        import apprise  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise SettingsError(
            "CRYPTOASSETS_ALERT_URLS is set, and alerts need the extra `alerts`, which is not "
            "installed: pip install 'cryptoassets[alerts]', or in a checkout "
            "uv sync --extra alerts. Or unset CRYPTOASSETS_ALERT_URLS"
        ) from error
    with _quiet(parts):
        asset = apprise.AppriseAsset(app_id="cryptoassets", app_desc="Crypto-market data platform")
        receiver = apprise.Apprise(asset=asset)
        is_known = receiver.add(url)
    if not is_known:
        raise SettingsError(
            f"CRYPTOASSETS_ALERT_URLS: {name} is not an address that apprise knows. A retry will "
            "not help; for the right form see https://github.com/caronc/apprise/wiki"
        )
    return receiver


@contextmanager
def _quiet(parts: Collection[str]) -> Iterator[list[str]]:
    """Collect apprise's warnings, and keep all parts of an address out of the logs.

    Args:
        parts: the parts of the address, none of which may be logged.
    """
    apprise_filter, https_filter = _Silence(()), _Silence(parts)
    apprise_log, https_log = (logging.getLogger(name) for name in _LOGGERS)
    # These are filters, because a handler could not hide records from the process's other handlers.
    apprise_log.setLevel(logging.WARNING)
    apprise_log.addFilter(apprise_filter)
    https_log.addFilter(https_filter)
    try:
        yield apprise_filter.sentences
    finally:
        apprise_log.removeFilter(apprise_filter)
        https_log.removeFilter(https_filter)


class _Silence(logging.Filter):
    """Collects and drops log records that contain a part of the address; without parts, all."""

    def __init__(self, parts: Collection[str]) -> None:
        super().__init__()
        self._parts = parts
        self.sentences: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        sentence = record.getMessage()
        if self._parts and not any(part in sentence for part in self._parts):
            return True
        self.sentences.append(sentence.rstrip("."))
        return False
