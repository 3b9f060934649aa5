"""Waiting for a run's end, the same for a task that holds a worker and for a trigger.

What goes here: when to ask, and what ends the waiting besides the run's end. What stays out: what
is done then (in `operator`).
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
# Of the time waited so far: a long run is asked for less often.
POLL_SHARE = 0.05
# A webserver that is being replaced must not fail all tasks; one that is gone for good must.
UNREACHABLE_SECONDS = 1_800.0
# Without a queue in between, a run is started in the launching request itself.
NEVER_SUBMITTED_SECONDS = 90.0

TIMED_OUT, UNREACHABLE, NEVER_SUBMITTED = "TIMED_OUT", "UNREACHABLE", "NEVER_SUBMITTED"


@dataclass(frozen=True)
class Ending:
    """Why the waiting ended: a status of Dagster, MISSING, or one of the names above."""

    status: str
    detail: str = ""

    def as_event(self) -> dict[str, Any]:
        """Return it as what a trigger may send."""
        return asdict(self)


class Watch:
    """One wait for one run.

    Args:
        poll_seconds: longest time between two questions.
        deadline: seconds since 1970, as a triggerer on another machine may go on; None: no end.
    """

    def __init__(
        self, hook: DagsterHook, run_id: str, *, poll_seconds: float, deadline: float | None
    ) -> None:
        self._hook, self._run_id = hook, run_id
        self._poll_seconds, self._deadline = poll_seconds, deadline
        self._began = time.monotonic()
        self._answered = self._began

    async def end(self) -> Ending:
        """Wait until there is nothing more to wait for."""
        # Off the loop: Airflow may have to ask its API server.
        graphql = await asyncio.to_thread(lambda: self._hook.client)
        async with graphql.async_client() as client:
            while True:
                ending = await self._look(client)
                if ending is None and self._deadline and time.time() > self._deadline:
                    ending = Ending(TIMED_OUT)
                if ending is not None:
                    return ending
                await asyncio.sleep(self._pause())

    async def _look(self, client: httpx.AsyncClient) -> Ending | None:
        try:
            status = await self._hook.async_status(client, self._run_id)
        except DagsterError as error:
            return self._no_answer(error)
        self._answered = now = time.monotonic()
        if status in ENDED or status == MISSING:
            return Ending(status)
        if status == "NOT_STARTED" and now - self._began > NEVER_SUBMITTED_SECONDS:
            return Ending(NEVER_SUBMITTED)
        return None

    def _no_answer(self, error: DagsterError) -> Ending | None:
        silence = time.monotonic() - self._answered
        self._hook.log.warning("No status for %.0f s: %s", silence, error)
        return Ending(UNREACHABLE, str(error)) if silence > UNREACHABLE_SECONDS else None

    def _pause(self) -> float:
        now = time.monotonic()
        waited, silence = now - self._began, now - self._answered
        longest = max(self._poll_seconds, min(silence, 30.0))
        return min(longest, max(FIRST_POLL_SECONDS, POLL_SHARE * waited, silence / 2))
