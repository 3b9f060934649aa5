"""The trigger: waits in Airflow's triggerer for a Dagster run to end, without occupying a worker.

What goes here: waiting in the triggerer, and ending a task whose run succeeded. What stays out:
handling failures. A worker does that, because Airflow can only retry a task from a worker.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from cryptoassets_airflow.errors import DagsterError, DagsterRefusedError
from cryptoassets_airflow.hook import DagsterHook
from cryptoassets_airflow.outcome import Outcome
from cryptoassets_airflow.watch import Ending, Watch

# By default, Airflow 3 cancels `on_kill` after 30 s.
KILL_SECONDS = 20.0


class DagsterRunTrigger(BaseTrigger):
    """Waits for a run, then ends the task or passes an `Ending` to a worker.

    A restarted triggerer continues to wait. If a user clears the task, stops it, or marks it as
    failed or successful, the run is stopped.

    Args:
        deadline: seconds since 1970; None means no limit.
        ends_task: whether to end a successful task in the triggerer, so that no worker process is
            needed.
        pushes_outcome: whether a task that ends in the triggerer stores the outcome as an XCom.
        fail_on_check_error: whether a failed check of severity ERROR counts as a failure.
    """

    def __init__(  # noqa: PLR0913 - Airflow serializes keyword arguments
        self,
        *,
        dagster_conn_id: str,
        run_id: str,
        poll_seconds: float,
        deadline: float | None,
        ends_task: bool = False,
        pushes_outcome: bool = True,
        fail_on_check_error: bool = True,
    ) -> None:
        super().__init__()
        self.dagster_conn_id = dagster_conn_id
        self.run_id = run_id
        self.poll_seconds = poll_seconds
        self.deadline = deadline
        self.ends_task = ends_task
        self.pushes_outcome = pushes_outcome
        self.fail_on_check_error = fail_on_check_error

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow needs to recreate this trigger."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "dagster_conn_id": self.dagster_conn_id,
            "run_id": self.run_id,
            "poll_seconds": self.poll_seconds,
            "deadline": self.deadline,
            "ends_task": self.ends_task,
            "pushes_outcome": self.pushes_outcome,
            "fail_on_check_error": self.fail_on_check_error,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the end of the run."""
        watch = Watch(
            DagsterHook(self.dagster_conn_id),
            self.run_id,
            poll_seconds=self.poll_seconds,
            deadline=self.deadline,
        )
        try:
            ending = await watch.end()
        except asyncio.CancelledError:
            # Airflow 3 calls `on_kill` itself. Airflow 2 only cancels the wait and does
            # not report why.
            if not hasattr(BaseTrigger, "on_kill") and await asyncio.to_thread(self._is_unwanted):
                await self.on_kill()
            raise
        yield await asyncio.to_thread(self._event, ending)

    async def on_kill(self) -> None:
        """Stop the run, because a user cleared, marked or stopped the task."""
        hook = DagsterHook(self.dagster_conn_id)
        await asyncio.to_thread(hook.stop, self.run_id, within=KILL_SECONDS)

    def _event(self, ending: Ending) -> TriggerEvent:
        outcome = self._good_outcome() if self.ends_task and ending.status == "SUCCESS" else None
        if outcome is None:
            return TriggerEvent(ending.as_event())
        for level, line in outcome.lines():
            self.log.log(level, "%s", line)
        xcoms = {"return_value": outcome.for_xcom()} if self.pushes_outcome else None
        return TaskSuccessEvent(xcoms=xcoms)

    def _good_outcome(self) -> Outcome | None:
        """Return the outcome if the task may succeed; None if a worker must evaluate the run."""
        try:
            outcome = DagsterHook(self.dagster_conn_id).outcome(self.run_id)
            outcome.judge(fail_on_check_error=self.fail_on_check_error)
        except (DagsterError, DagsterRefusedError):
            return None
        return outcome

    def _is_unwanted(self) -> bool:
        """Return whether the task no longer waits for this trigger (Airflow 2).

        If the task still waits, the triggerer is shutting down, and the run must continue.
        """
        from airflow.models import TaskInstance  # noqa: PLC0415 - Airflow 2 only

        ti = self.task_instance
        now = TaskInstance.get_task_instance(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        # A task that was cleared and deferred again waits for another trigger.
        return now is not None and (
            str(now.state) != "deferred" or now.trigger_id != self.trigger_id
        )
