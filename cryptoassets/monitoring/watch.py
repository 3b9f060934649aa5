"""Evaluates alerts in a thread, so that no run waits until messages are delivered.

What goes here: when to evaluate, and what happens if an evaluation fails. What stays out: the
evaluation (in `evaluation`). Dagster's sensor and `run --every` each have their own `Watch`.
"""

import threading
import time
from datetime import UTC, datetime

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from cryptoassets.embedded import dagster_instance
from cryptoassets.errors import CryptoassetsError, StoreUnavailableError
from cryptoassets.monitoring.channels import channels
from cryptoassets.monitoring.evaluation import evaluate
from cryptoassets.monitoring.messages import Message, outage_message
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings

_OUTAGES = (StoreUnavailableError, psycopg.OperationalError, SQLAlchemyError)


class Watch:
    """Evaluates alerts in the background, one evaluation at a time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_due = False
        self._last = "no evaluation has ended yet"
        self._outage: tuple[datetime, str] | None = None
        self._started_at = float("-inf")

    def evaluate_soon(self, *, at_most_every: float = 0.0) -> str:
        """Start an evaluation now, or after the running one; return without waiting.

        Args:
            at_most_every: do nothing if an evaluation started less than this many seconds ago.

        Returns:
            The result of the last evaluation that has ended, in words.
        """
        with self._guard:
            if time.monotonic() < self._started_at + at_most_every:
                return self._last
            self._is_due = True
            if self._thread is None:
                self._started_at = time.monotonic()
                self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
                self._thread.start()
            return self._last

    def wait(self, seconds: float) -> str:
        """Wait for the running evaluation, at most this long; return the last result in words."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._last

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._is_due:
                    self._thread = None
                    return
                self._is_due = False
            sentence = self._evaluate()
            with self._guard:
                self._last = f"{sentence} ({datetime.now(UTC):%H:%M:%S} UTC)"

    def _evaluate(self) -> str:
        log = structlog.get_logger("cryptoassets.alerts")
        try:
            with dagster_instance() as instance:
                result = evaluate(instance, PostgresResource())
            self._end_outage()
        except Exception as error:  # noqa: BLE001 - no failure may end the watch
            sentence = str(error).strip().partition("\n")[0] or type(error).__name__
            log.warning("alerts were not evaluated", error=sentence)
            if isinstance(error, _OUTAGES):
                self._begin_outage(sentence)
            return f"not evaluated: {sentence}"
        for sentence in result.undelivered:
            log.warning("an alert was not delivered; the next evaluation tries again", to=sentence)
        return result.words()

    def _begin_outage(self, sentence: str) -> None:
        """Report once that PostgreSQL, which holds the state of alerts, does not answer."""
        if self._outage is None and _send_to_all(outage_message(sentence, datetime.now(UTC))):
            self._outage = datetime.now(UTC), sentence

    def _end_outage(self) -> None:
        if self._outage is not None:
            since, sentence = self._outage
            if _send_to_all(outage_message(sentence, since, is_over=True)):
                self._outage = None


def _send_to_all(message: Message) -> bool:
    """Send a message; return whether at least one address received it."""
    try:
        problems = [one.send(message) for one in channels(load_settings().alert_urls)]
    except CryptoassetsError:
        return False
    return None in problems
