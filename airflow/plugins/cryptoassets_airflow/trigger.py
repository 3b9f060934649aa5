"""The trigger: waits for a run in Airflow's triggerer, where a wait holds no worker."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from cryptoassets_airflow.hook import DagsterHook
from cryptoassets_airflow.watch import Watch

# Airflow 3 gives `on_kill` 30 s.
KILL_SECONDS = 20.0


class DagsterRunTrigger(BaseTrigger):
    """Fires once, with an `Ending`, when there is nothing more to wait for.

    A restarted triggerer goes on; a task that a person clears, marks or stops stops the run.
    """

    def __init__(
        self, dagster_conn_id: str, run_id: str, poll_seconds: float, deadline: float | None
    ) -> None:
        super().__init__()
        self.dagster_conn_id = dagster_conn_id
        self.run_id = run_id
        self.poll_seconds = poll_seconds
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how Airflow makes this trigger again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "dagster_conn_id": self.dagster_conn_id,
            "run_id": self.run_id,
            "poll_seconds": self.poll_seconds,
            "deadline": self.deadline,
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
        yield TriggerEvent(ending.as_event())

    async def on_kill(self) -> None:
        """Stop the run: a person cleared, marked or stopped the task."""
        hook = DagsterHook(self.dagster_conn_id)
        await asyncio.to_thread(hook.stop, self.run_id, within=KILL_SECONDS)

    def _is_unwanted(self) -> bool:
        """Tell a task that waits no more from a triggerer that is being stopped (Airflow 2)."""
        from airflow.models import TaskInstance  # noqa: PLC0415 - Airflow 2 only

        ti = self.task_instance
        now = TaskInstance.get_task_instance(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
        # Cleared and deferred again, it waits on another trigger.
        return now is not None and (
            str(now.state) != "deferred" or now.trigger_id != self.trigger_id
        )
