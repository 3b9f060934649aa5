"""The operator: launches a Dagster run for a partition, waits for the run, evaluates it.

What goes here: when to launch, wait, stop. What stays out: requests (in `hook`), the waiting itself
(in `watch`), messages and evaluation (in `outcome`).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from cryptoassets_airflow.errors import (
    DagsterRefusedError,
    DagsterRunError,
    DagsterUnknownJobError,
)
from cryptoassets_airflow.hook import MISSING, DagsterHook
from cryptoassets_airflow.link import RUN_URL_KEY, DagsterRunLink
from cryptoassets_airflow.locations import explain_unknown_job
from cryptoassets_airflow.runs import DagsterRun, Identity, LaunchRequest
from cryptoassets_airflow.trigger import KILL_SECONDS, DagsterRunTrigger
from cryptoassets_airflow.watch import NEVER_SUBMITTED, TIMED_OUT, UNREACHABLE, Ending, Watch

# If a run does not stop, Dagster itself marks it as cancelled after 180 s (`run_monitoring`).
STOP_SECONDS = 200.0
# The trigger enforces the deadline. If the triggerer is down, Airflow's scheduler enforces it this
# much later.
TRIGGER_SLACK = timedelta(seconds=30)


class DagsterMaterializeOperator(BaseOperator):
    """Materializes assets or runs a job in Dagster, with one Dagster run per task instance.

    After a retry, a worker restart or requeueing, the task finds its run by the run's tags and
    waits for it. The task launches another run only if that run failed or was cancelled, or if a
    user cleared the task. The run is stopped if the task times out or is killed, cleared or marked
    as failed.

    Args:
        location: Dagster's code location.
        assets: asset keys as `group/name`. Required without `job_name`; with `job_name`, only these
            assets of the job are materialized.
        partition_key: Dagster's partition key; usually a template that uses the data interval.
        tags: further tags of the run.
        deferrable: whether to wait in the triggerer; False waits in a worker slot.
        run_timeout: longest time that a try may wait for the run to end, including time in
            Dagster's queue. After that time the run is stopped and the task fails.
        fail_on_check_error: whether failed checks of severity ERROR fail the task. Failed checks
            of severity WARN are only logged as warnings.
        skip_on: names of permanent errors; if only these occur, the task is skipped, not failed.
        poll_seconds: longest time between two status requests.
    """

    template_fields: Sequence[str] = (
        "location",
        "assets",
        "job_name",
        "partition_key",
        "run_config",
        "tags",
    )
    operator_extra_links = (DagsterRunLink(),)
    ui_color = "#dedbff"

    def __init__(  # noqa: PLR0913 - operators take keyword arguments
        self,
        *,
        location: str,
        assets: Sequence[str] | None = None,
        job_name: str | None = None,
        partition_key: str | None = None,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        repository: str = "__repository__",
        dagster_conn_id: str = DagsterHook.default_conn_name,
        deferrable: bool = True,
        run_timeout: timedelta = timedelta(hours=2),
        fail_on_check_error: bool = True,
        skip_on: Sequence[str] = (),
        poll_seconds: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not assets and not job_name:
            raise ValueError(f"task {self.task_id}: set `assets` or `job_name`")
        self.location = location
        self.assets = assets
        self.job_name = job_name
        self.partition_key = partition_key
        self.run_config = run_config
        self.tags = tags
        self.repository = repository
        self.dagster_conn_id = dagster_conn_id
        self.deferrable = deferrable
        self.run_timeout = run_timeout
        self.fail_on_check_error = fail_on_check_error
        self.skip_on = skip_on
        self.poll_seconds = poll_seconds
        self._run_id: str | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Launch a run or re-attach to one; then wait in this worker or in the triggerer."""
        hook, ti = self._hook, context["ti"]
        identity = Identity.of(context, self.retries or 0)
        run = hook.own_run(identity, stop_within=STOP_SECONDS) or self._launch(
            hook, identity, ti.try_number
        )
        self._run_id = run.run_id
        url = hook.address.run_page(run.run_id)
        ti.xcom_push(key=RUN_URL_KEY, value=url)
        ti.xcom_push(key="dagster_run_id", value=run.run_id)
        self.log.info("Dagster run: %s", url)
        if run.has_ended:
            return self._finish(Ending(run.status))
        # Airflow 3 ignores execution_timeout while the task is deferred.
        timeout = min(self.run_timeout, self.execution_timeout or self.run_timeout)
        deadline = time.time() + timeout.total_seconds()
        if self.deferrable:
            self.defer(
                trigger=DagsterRunTrigger(
                    dagster_conn_id=self.dagster_conn_id,
                    run_id=run.run_id,
                    poll_seconds=self.poll_seconds,
                    deadline=deadline,
                    ends_task=self._may_end_in_trigger,
                    pushes_outcome=self.do_xcom_push,
                    fail_on_check_error=self.fail_on_check_error,
                ),
                method_name="resume",
                kwargs={"run_id": run.run_id},
                timeout=timeout + TRIGGER_SLACK,
            )
        waiting = Watch(hook, run.run_id, poll_seconds=self.poll_seconds, deadline=deadline)
        return self._finish(asyncio.run(waiting.end()))

    def resume(self, context: Any, event: Mapping[str, Any], run_id: str) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Continue after the trigger has fired."""
        self._run_id = run_id
        return self._finish(Ending(**event))

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """If Airflow's own timeout ended the wait, stop the run, because `resume` is not called."""
        error = str((next_kwargs or {}).get("error", ""))
        if next_method == "__fail__" and "timeout" in error.lower():
            self._stop_runs(Identity.of(context, self.retries or 0))
        return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Stop the run; Airflow calls this when it kills a task that waits in a worker."""
        if self._run_id:
            self._hook.stop(self._run_id, within=KILL_SECONDS)

    @property
    def _hook(self) -> DagsterHook:
        return DagsterHook(self.dagster_conn_id)

    @property
    def _may_end_in_trigger(self) -> bool:
        # Airflow handles outlets and `post_execute` only in workers.
        return not self.outlets and self._post_execute_hook is None

    def _launch(self, hook: DagsterHook, identity: Identity, try_number: int) -> DagsterRun:
        request = LaunchRequest(
            location=self.location,
            repository=self.repository,
            job_name=self.job_name,
            assets=self.assets or (),
            partition_key=self.partition_key,
            run_config=self.run_config or {},
            tags={**(self.tags or {}), "airflow/try_number": str(try_number)},
        )
        try:
            run = hook.launch(request, identity)
        except DagsterUnknownJobError as error:
            raise explain_unknown_job(error, hook.locations(), self.location) from None
        target = f"partition {self.partition_key}" if self.partition_key else "no partition"
        self.log.info("Launched Dagster run %s for %s", run.run_id, target)
        return run

    def _stop_runs(self, identity: Identity) -> None:
        hook = self._hook
        for run in hook.find_runs(identity.launch_tags):
            if not run.has_ended:
                hook.stop(run.run_id, within=STOP_SECONDS)

    def _finish(self, ending: Ending) -> dict[str, Any]:
        """Evaluate the run; stop it if it has not ended."""
        hook, run_id = self._hook, self._run_id or ""
        url = hook.address.run_page(run_id)
        if ending.status == MISSING:
            raise DagsterRefusedError(
                f"Dagster run {url} was deleted; clear this task to launch another"
            )
        if ending.status == UNREACHABLE:
            raise DagsterRunError(
                f"Dagster run {url} cannot be reached: {ending.detail}. A retry will look for it"
            )
        if ending.status in {TIMED_OUT, NEVER_SUBMITTED}:
            status = hook.stop(run_id, within=STOP_SECONDS)
            reason = (
                "took longer than the task's time limit"
                if ending.status == TIMED_OUT
                else "was never submitted: the webserver died during the launch"
            )
            raise DagsterRunError(
                f"Dagster run {url} {reason}. Its status after the request to stop it: {status}. "
                "If it has ended, a retry launches another"
            )
        outcome = hook.outcome(run_id)
        for level, line in outcome.lines(skip_on=self.skip_on):
            self.log.log(level, "%s", line)
        if outcome.is_skipped(self.skip_on):
            raise AirflowSkipException  # The reason is in the log already.
        outcome.judge(fail_on_check_error=self.fail_on_check_error)
        return outcome.for_xcom()
