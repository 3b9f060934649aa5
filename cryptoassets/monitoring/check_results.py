"""The latest evaluation of each check, read from Dagster.

What goes here: reading evaluations. What stays out: the checks (in `checks`), showing evaluations
(in `cli.status_tables`), deciding which of them start an alert (in `conditions`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from cryptoassets.assets import LAYERS
from cryptoassets.checks import checks_in
from cryptoassets.monitoring.reprocessing import CHECKS_OF_THE_PAST, REPROCESSING_TAG
from cryptoassets.schemas import FLOWS


@dataclass(frozen=True)
class CheckStatus:
    """The latest evaluation of a check.

    Attributes:
        is_replay: the check judges how documents arrived, and it failed when a replay processed
            past partitions again. Such a failure is not new.
    """

    asset: str
    name: str
    partition: str | None
    passed: bool
    severity: str
    description: str | None
    evaluated_at: str
    run_id: str
    is_replay: bool


def latest_checks(instance: dg.DagsterInstance) -> list[CheckStatus]:
    """Return the latest evaluation of each check that was ever evaluated, in alphabetical order."""
    # These statuses leave out checks that a running or killed run has planned but not evaluated.
    ended = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
    found = []
    for key in _check_keys(tuple(flow.asset for flow in FLOWS)):
        records = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, status=ended
        )
        evaluation = records[0].evaluation if records else None
        if not isinstance(evaluation, dg.AssetCheckEvaluation):
            continue
        at = datetime.fromtimestamp(records[0].create_timestamp, UTC)
        found.append(
            CheckStatus(
                asset=key.asset_key.to_user_string(),
                name=key.name,
                partition=evaluation.partition,
                passed=evaluation.passed,
                severity=evaluation.severity.value,
                description=evaluation.description,
                evaluated_at=at.isoformat(timespec="seconds"),
                run_id=records[0].run_id,
                is_replay=key.name in CHECKS_OF_THE_PAST
                and not evaluation.passed
                and _is_replay(instance, records[0].run_id),
            )
        )
    return found


def _is_replay(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and REPROCESSING_TAG in run.tags


@cache
def _check_keys(_flows: tuple[str, ...]) -> list[dg.AssetCheckKey]:
    """The keys of all checks in all code locations; cached until the flows change."""
    return sorted((key for one in checks_in(LAYERS) for key in one.check_keys), key=str)
