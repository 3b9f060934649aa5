"""Waits for the end of a run, in a worker or in a trigger.

What goes here: when to poll, and when to stop waiting. What stays out: evaluating the run (in
`outcome`).
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from cryptoassets_airflow.errors import DagsterError
from cryptoassets_airflow.hook import MISSING, DagsterHook
from cryptoassets_airflow.runs import ENDED

FIRST_POLL_SECONDS = 0.25
# Pause between polls as a share of the time waited so far: long runs are polled less often.
POLL_SHARE = 0.05
# Long enough to replace a webserver without failing tasks.
UNREACHABLE_SECONDS = 1_800.0
# Dagster queues or starts a run while it handles the launch request. A run that is still
# NOT_STARTED after this time was never submitted.
NEVER_SUBMITTED_SECONDS = 90.0

TIMED_OUT, UNREACHABLE, NEVER_SUBMITTED = "TIMED_OUT", "UNREACHABLE", "NEVER_SUBMITTED"


@dataclass(frozen=True)
class Ending:
    """Why the wait ended: a Dagster status, MISSING, or one of the constants above."""

    status: str
    detail: str = ""

    def as_event(self) -> dict[str, Any]:
        """Return the ending as a trigger's payload."""
        return asdict(self)


class Watch:
    """Waits for one run.

    Args:
        poll_seconds: longest time between two requests while Dagster responds.
        deadline: seconds since 1970, so that another triggerer can continue the wait; None means
            no limit.
    """

    def __init__(
        self, hook: DagsterHook, run_id: str, *, poll_seconds: float, deadline: float | None
    ) -> None:
        self._hook, self._run_id = hook, run_id
        self._poll_seconds, self._deadline = poll_seconds, deadline
        self._started = time.monotonic()
        self._last_response = self._started

    async def end(self) -> Ending:
        """Wait until the run has ended, or there is another reason to stop waiting."""
        # Creating the client may call Airflow's API server, and must not block the event loop.
        graphql = await asyncio.to_thread(lambda: self._hook.client)
        async with graphql.async_client() as client:
            while True:
                ending = await self._poll(client)
                if ending is None and self._deadline and time.time() > self._deadline:
                    ending = Ending(TIMED_OUT)
                if ending is not None:
                    return ending
                await asyncio.sleep(self._pause())

    async def _poll(self, client: httpx.AsyncClient) -> Ending | None:
        try:
            status = await self._hook.async_status(client, self._run_id)
        except DagsterError as error:
            return self._no_response(error)
        self._last_response = now = time.monotonic()
        if status in ENDED or status == MISSING:
            return Ending(status)
        if status == "NOT_STARTED" and now - self._started > NEVER_SUBMITTED_SECONDS:
            return Ending(NEVER_SUBMITTED)
        return None

    def _no_response(self, error: DagsterError) -> Ending | None:
        silence = time.monotonic() - self._last_response
        self._hook.log.warning("No status for %.0f s: %s", silence, error)
        return Ending(UNREACHABLE, str(error)) if silence > UNREACHABLE_SECONDS else None

    def _pause(self) -> float:
        now = time.monotonic()
        waited, silence = now - self._started, now - self._last_response
        longest = max(self._poll_seconds, min(silence, 30.0))
        return min(longest, max(FIRST_POLL_SECONDS, POLL_SHARE * waited, silence / 2))
