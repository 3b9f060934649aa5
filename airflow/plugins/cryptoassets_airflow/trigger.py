"""The trigger: waits for a run in Airflow's triggerer, where a wait holds no worker.

What goes here: what a wait in the triggerer needs, and the end of a task whose run went well. What
stays out: failures; a worker judges those, for only there Airflow retries.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from cryptoassets_airflow.errors import DagsterError, DagsterRefusedError
from cryptoassets_airflow.hook import DagsterHook
from cryptoassets_airflow.outcome import Outcome
from cryptoassets_airflow.watch import Ending, Watch

# Airflow 3 gives `on_kill` 30 s.
KILL_SECONDS = 20.0


class DagsterRunTrigger(BaseTrigger):
    """Fires once, with an `Ending`, when there is nothing more to wait for.

    A restarted triggerer goes on; a task that a person clears, marks or stops stops the run.

    Args:
        deadline: seconds since 1970; None: no end.
        ends_task: end the task here when all went well, which saves the start of a worker process.
        pushes_outcome: whether the task then leaves the run's outcome as XCom.
        fail_on_check_error: whether a failed check of severity ERROR counts as not well.
    """

    def __init__(  # noqa: PLR0913 - what Airflow writes down are keywords
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
        """Return how Airflow makes this trigger again."""
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
            # Airflow 3 calls on_kill itself; Airflow 2 has none, nor says why it cancels.
            if not hasattr(BaseTrigger, "on_kill") and await asyncio.to_thread(self._is_unwanted):
                await self.on_kill()
            raise
        yield await asyncio.to_thread(self._event, ending)

    async def on_kill(self) -> None:
        """Stop the run: a person cleared, marked or stopped the task."""
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
        """Return what the run did; None: let a worker judge it."""
        try:
            outcome = DagsterHook(self.dagster_conn_id).outcome(self.run_id)
            outcome.judge(fail_on_check_error=self.fail_on_check_error)
        except (DagsterError, DagsterRefusedError):
            return None
        return outcome

    def _is_unwanted(self) -> bool:
        """Tell a task that waits no more from a triggerer that is being stopped (Airflow 2)."""
        from airflow.models import TaskInstance  # noqa: PLC0415 - Airflow 2 only

        ti = self.task_instance
        now = TaskInstance.get_task_instance(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        # Cleared and deferred again, it waits on another trigger.
        return now is not None and (
            str(now.state) != "deferred" or now.trigger_id != self.trigger_id
        )
